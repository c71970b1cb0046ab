"""The whole of Berdaya in containers: an engine, images, secrets, docker-compose."""
