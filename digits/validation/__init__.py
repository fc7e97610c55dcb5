"""What is expected of the data, and whether it holds; the only package that imports Great Expectations."""
