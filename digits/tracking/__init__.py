"""Runs and registered models; the only package that imports MLflow."""
