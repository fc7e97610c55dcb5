"""The expectations on the data, and their results. Only `run` imports Great Expectations."""
