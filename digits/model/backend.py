"""The choice of Keras's backend, before Keras is imported."""

import importlib.util
import os
import sys

import digits
from digits.errors import UserError


def select(name: str) -> None:
    """Choose Keras's backend, `train.backend`: once a process, before a module that imports Keras is imported.

    Raises UserError where the backend is not installed.
    """
    digits.report_ignored("KERAS_")
    if importlib.util.find_spec(name) is None:
        extra = "train" if name == "tensorflow" else name  # of pyproject.toml
        raise UserError(
            f"train.backend = {name!r}, but {name} is not installed: `pip install -e '.[{extra}]'`, or change it"
        )
    loaded = sys.modules.get("digits.model.keras_backend")
    if loaded is not None and name != loaded.BACKEND:
        raise RuntimeError(f"this process has loaded Keras on {loaded.BACKEND} already, not on {name}")
    os.environ["KERAS_BACKEND"] = name
    if name == "jax":
        os.environ["XLA_FLAGS"] = "--xla_gpu_deterministic_ops=true"  # the same bytes on a GPU; TensorFlow has a call
