"""MLflow: the record of runs, and the registry of models. Nothing else under this roof imports it."""
