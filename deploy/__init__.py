"""How the services and the real components under them are brought up."""
