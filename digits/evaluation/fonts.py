"""Printed digits: the ten digits in the fonts that matplotlib's package contains, which are the same on every machine.

Those that are printed on the composed pages that a network is trained on are left out; twelve of the others are other
styles of these, and six are of another family. Fonts that are installed elsewhere differ from machine to machine, and
would give other figures for the same model.
"""

from typing import NamedTuple

import numpy as np

from digits.arrays import Ints
from digits.data.non_digits import TRAIN_FONTS

# Of matplotlib's 40 files: the others have no digits, or place other signs in their stead (cmex10, cmsy10, LastResort).
ALL_FONTS = (
    *(f"DejaVuSans{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSansMono{style}" for style in ("", "-Bold", "-Oblique", "-BoldOblique")),
    *(f"DejaVuSerif{style}" for style in ("", "-Bold", "-Italic", "-BoldItalic")),
    *(f"STIXGeneral{style}" for style in ("", "Bol", "Italic", "BolIta")),
    *("cmb10", "cmmi10", "cmr10", "cmss10", "cmti10", "cmtt10"),  # Computer Modern; cmmi10's are old-style figures
)
FONTS = tuple(name for name in ALL_FONTS if name not in TRAIN_FONTS)
SIZES = (24, 48)  # pixels of the em: digits of about 17 and 34 pixels, as in a small and a usual scan
TILTS = (-8, 0, 8)  # degrees: a page that lies askew
SIDE = 64  # pixels of a picture
PAPER, INK = 235, 40  # pixel values of a scan


class Printed(NamedTuple):
    """`pictures` (n, 64, 64) uint8, dark on light and not canonical; `labels` (n,) int64; `fonts` (n,) str."""

    pictures: np.ndarray
    labels: Ints
    fonts: np.ndarray


def printed_digits() -> Printed:
    """Every digit in every font, in each of SIZES and TILTS: 18 x 10 x 2 x 3 pictures."""
    from PIL import Image, ImageDraw

    from digits.data.drawing import load_font

    pictures = []
    for name in FONTS:
        for size in SIZES:
            font = load_font(name, size)
            for digit in range(10):
                image = Image.new("L", (SIDE, SIDE), PAPER)
                ImageDraw.Draw(image).text((SIDE / 2, SIDE / 2), str(digit), INK, font, anchor="mm")
                pictures += [image.rotate(tilt, Image.Resampling.BICUBIC, fillcolor=PAPER) for tilt in TILTS]
    labels = np.tile(np.repeat(np.arange(10), len(TILTS)), len(FONTS) * len(SIZES))
    return Printed(np.stack([*map(np.asarray, pictures)]), labels, np.repeat(FONTS, len(labels) // len(FONTS)))
