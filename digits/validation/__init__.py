"""The expectations on the data, and their results."""
