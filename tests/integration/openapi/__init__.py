"""The three OpenAPI documents: complete, and true of what the running services answer."""
