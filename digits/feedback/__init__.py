"""Pictures that people corrected: the queue of those that wait for a label, and their way into the data."""
