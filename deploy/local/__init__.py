"""All three services in one process on the embedded log: nothing but Python needed."""
