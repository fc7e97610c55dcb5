"""Metrics of a model."""
