"""The real Kafka, PostgreSQL, Redis and nginx as plain processes: no stand-ins."""
