"""The types of NumPy arrays by what they hold; docstrings say their shapes, and how many bits where that matters."""

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]  # pixel values, 0 to 255
Bools = npt.NDArray[np.bool_]
Ints = npt.NDArray[np.integer]  # labels, rows, counts
Floats = npt.NDArray[np.floating]
Numbers = npt.NDArray[np.integer | np.floating]  # what OpenCV takes and returns
