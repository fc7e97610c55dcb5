"""The search for better training parameters; the only package that imports Optuna."""
