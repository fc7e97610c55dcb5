"""Two models compared at a glance, and what changed since a revision."""
