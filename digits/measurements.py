"""What can be measured of pictures before anything is made of them: a table, one row a picture."""

import hashlib
from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy import ndimage

from digits import canonical, pictures

FILE = ["problem", "format", "mode", "frames", "width", "height", "aspect", "lowest", "highest"]  # what the file says
SHOWN = [  # what the picture shows: numbers that mean the same for a picture of any size
    "contrast",
    "dark_ink",
    "ink",
    "centre_x",
    "centre_y",
    "extent",
    "stroke",
    "border",
    "sharpness",
    "parts",
    "second",
]
IDENTITY = ["picture", "thumbnail"]
MEASURED = [*FILE, *SHOWN, *IDENTITY]
THUMBNAIL = 14  # pixels: side of the canonical digit, averaged two by two: what near-duplicates are told by
SOLID = 0.75  # of the strongest ink: more is the inside of a stroke, less its edge


def measure(encoded: Sequence[bytes]) -> pd.DataFrame:
    """Measure encoded pictures, those of one size at once: one row each, in their order.

    Columns: `problem`, why it can't be read (the others are then missing), and `format`, `mode`, `frames`, `width`,
    `height`, `lowest` and `highest` as `pictures.Picture` has them, `aspect`, the longest side over the shortest; then,
    of the grey levels:

    `contrast`   brightest minus darkest, 0 to 255
    `dark_ink`   1 where the ink is darker than the paper, else 0
    `ink`        fraction of pixels that hold at least half of the strongest ink
    `centre_x`   where the ink's centre of mass lies, from 0 at the left edge to 1 at the right one; `centre_y` likewise
    `extent`     longest side of the ink's box, as a fraction of the picture's longest side
    `stroke`     mean width of the strokes, as a fraction of the longest side of the ink's box
    `border`     fraction of the outermost pixels that hold ink
    `sharpness`  fraction of the inked pixels that are solid, not the edge of a stroke
    `parts`      separate strokes that hold at least a twentieth of the ink
    `second`     the smaller fraction of the ink that an empty column parts from the rest: 0 for one digit
    `picture`    SHA-256 of the grey levels and shape: the same for two files that show the same
    `thumbnail`  the canonical digit at 14 x 14, 196 bytes
    """
    parts = [_measured(decoded) for decoded in pictures.read_all(encoded)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=MEASURED)


def _measured(decoded: list[pictures.Picture | pictures.PictureError]) -> pd.DataFrame:
    rows = [
        {**_file(one), "picture": _hash(one)} if isinstance(one, pictures.Picture) else {"problem": str(one)}
        for one in decoded
    ]
    table = pd.DataFrame(rows, columns=MEASURED)
    readable = [row for row, one in enumerate(decoded) if isinstance(one, pictures.Picture)]
    shown = {name: np.full(len(decoded), np.nan) for name in SHOWN}
    thumbnails = np.full(len(decoded), None, dtype=object)
    for places, stack in canonical.by_shape([decoded[row].grey for row in readable]):
        rows = np.array(readable)[places]
        ink = canonical.ink_levels(stack)
        for name, values in _shown(stack, ink).items():
            shown[name][rows] = values
        thumbnails[rows] = [one.tobytes() for one in _thumbnails(canonical.canonical(stack, ink))]
    return table.assign(**shown, thumbnail=thumbnails)


def _file(picture: pictures.Picture) -> dict:
    kept = {name: getattr(picture, name) for name in FILE if name not in ("problem", "aspect")}
    return {**kept, "aspect": max(picture.width, picture.height) / min(picture.width, picture.height)}


def _hash(picture: pictures.Picture) -> str:
    shape = f"{picture.width} {picture.height}".encode()
    return hashlib.sha256(shape + picture.grey.tobytes()).hexdigest()


def _thumbnails(digits: np.ndarray) -> np.ndarray:
    quarters = digits.reshape(-1, THUMBNAIL, 2, THUMBNAIL, 2)
    return (quarters.sum(axis=(2, 4), dtype=np.uint16) // 4).astype(np.uint8)


def _shown(stack: np.ndarray, ink: np.ndarray) -> dict[str, np.ndarray]:
    """The measurements of a (n, height, width) uint8 stack and its `ink_levels`; each (n,)."""
    height, width = stack.shape[1:]
    dark, drawn = ink >= 0.5, ink > canonical.DRAWN
    (top, bottom), (left, right) = canonical.bounds(drawn)
    longest = np.maximum(bottom - top, right - left) + 1
    centre_y, centre_x = canonical.centre_of_mass(ink)
    inked = np.maximum(drawn.sum(axis=(1, 2)), 1)
    return {
        "contrast": canonical.contrast(stack),
        "dark_ink": canonical.dark_on_light(stack),
        "ink": dark.mean(axis=(1, 2)),
        "centre_x": (centre_x + 0.5) / width,
        "centre_y": (centre_y + 0.5) / height,
        "extent": longest / max(height, width),
        "stroke": _stroke(dark) / longest,
        "border": canonical.border(dark).mean(axis=1),
        "sharpness": (ink >= SOLID).sum(axis=(1, 2)) / inked,
        "parts": _parts(drawn),
        "second": _second(drawn),
    }


def _stroke(mask: np.ndarray) -> np.ndarray:
    """Mean width in pixels of the strokes of (n, height, width) bool: twice the area over the perimeter.

    The perimeter is Crofton's: pi / 4 times the number of changes along rows and columns.
    """
    padded = np.pad(mask, ((0, 0), (1, 1), (1, 1)))
    changes = sum(np.diff(padded, axis=axis).sum(axis=(1, 2)) for axis in (1, 2))
    return 2 * mask.sum(axis=(1, 2)) / np.maximum(np.pi / 4 * changes, 1)


def _parts(mask: np.ndarray) -> np.ndarray:
    """(n,) how many separate strokes of (n, height, width) bool hold at least a twentieth of their picture's ink."""
    touching = np.zeros((3, 3, 3), bool)
    touching[1] = True  # in the plane of one picture, and never across to the next
    labels, count = ndimage.label(mask, touching)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)[1:]
    picture_of = np.zeros(count + 1, int)
    where = np.nonzero(labels)
    picture_of[labels[where]] = where[0]
    large = sizes >= mask.sum(axis=(1, 2))[picture_of[1:]] / 20
    return np.bincount(picture_of[1:][large], minlength=len(mask))


def _second(mask: np.ndarray) -> np.ndarray:
    """(n,) the largest share of (n, height, width) bool's ink that an empty column parts from a larger rest."""
    columns = mask.sum(axis=1)
    before = np.cumsum(columns, axis=1) / np.maximum(columns.sum(axis=1, keepdims=True), 1)
    return np.where(columns == 0, np.minimum(before, 1 - before), 0).max(axis=1)
