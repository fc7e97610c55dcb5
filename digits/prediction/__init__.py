"""Predictions for the pictures that a user names: their list, batches of them, and the files that are written."""
