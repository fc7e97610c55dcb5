"""Drift of what is served: counted by the server processes, measured by the process that follows the registry."""
