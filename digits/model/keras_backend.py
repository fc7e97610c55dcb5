"""Keras, imported here and nowhere else: on the backend that was selected, TensorFlow where none was."""

import os
from typing import Any

from digits.processes import suppress_native_stderr

with suppress_native_stderr():  # TensorFlow prints four lines of warnings on every machine that has no GPU
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    import keras

__all__ = ["BACKEND", "Tensor", "keras"]
BACKEND: str = keras.backend.backend()
Tensor = Any  # of the backend
