"""Two models compared on the same digits, and what changed since a revision."""
