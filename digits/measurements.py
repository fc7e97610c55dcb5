"""What can be measured of a picture before anything is made of it."""

import hashlib
from typing import Any

import numpy as np

from digits import pictures

MEASURED = ["problem", "mode", "width", "height", "lowest", "highest", "contrast", "ink", "picture"]


def measure(data: bytes) -> dict[str, Any]:
    """Measure one encoded picture.

    Returns `problem` (why it can't be read, or None) and, where it can: `mode` (Pillow's name for its bands and
    depth), `width` and `height` in pixels, `lowest` and `highest` level of any band as stored, `contrast` in grey
    levels 0 to 255, `ink` (the fraction of pixels that hold at least half of the strongest ink) and `picture`, the
    SHA-256 of its grey pixels and shape, the same for two files that show the same.
    """
    try:
        image = pictures.load(data)
        grey = pictures.grey(image)
    except pictures.PictureError as error:
        return {"problem": str(error)}
    extrema = np.array(image.getextrema(), dtype=float)  # of all bands, as stored
    return {
        "problem": None,
        "mode": image.mode,
        "width": image.width,
        "height": image.height,
        "lowest": extrema.min(),
        "highest": extrema.max(),
        "contrast": pictures.contrast(grey),
        "ink": float(np.mean(pictures.ink_levels(grey) >= 0.5)),
        "picture": hashlib.sha256(repr(grey.shape).encode() + grey.tobytes()).hexdigest(),
    }
