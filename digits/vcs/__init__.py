"""What the project asks of git and DVC."""
