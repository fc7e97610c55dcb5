"""Corrections that people send: the routes, what they write into the queue, and its retention."""
