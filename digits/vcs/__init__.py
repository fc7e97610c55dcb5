"""Access to git and DVC."""
