"""The engine of the local server: models in their versions, and the services that answer."""
