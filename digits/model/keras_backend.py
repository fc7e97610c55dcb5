"""Keras, imported here and nowhere else: on the backend that was selected, TensorFlow where none was."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from digits.processes import suppress_native_stderr


@contextmanager
def _without_jax() -> Iterator[None]:
    """Hide JAX while TensorFlow is imported, whose converter to TFLite would import it, which takes a second."""
    hidden = os.environ["KERAS_BACKEND"] == "tensorflow" and "jax" not in sys.modules
    if hidden:
        sys.modules["jax"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if hidden:
            del sys.modules["jax"]


os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")
with suppress_native_stderr(), _without_jax():  # TensorFlow prints four lines of warnings where there is no GPU
    import keras

__all__ = ["BACKEND", "Tensor", "keras"]
BACKEND: str = keras.backend.backend()
Tensor = Any  # of the backend
