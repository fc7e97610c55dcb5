"""The service: the champion over HTTP, following the registry."""
