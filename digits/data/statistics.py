"""Image statistics: a table with one row for each picture, computed before any preprocessing."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import ndimage

from digits.arrays import Bools, Floats, Pixels
from digits.data import canonical, dataset, pictures, raw_tables, stacks
from digits.data.raw_tables import RowGroup
from digits.data.strokes import INK_THRESHOLD, relative_stroke_width
from digits.errors import printable

ROW_COLUMNS = ["split", "row", "path", "label"]  # identify a picture of the raw data
FILE_COLUMNS = ["format", "mode", "frames", "width", "height", "aspect", "min_pixel_value", "max_pixel_value"]
PIXEL_COLUMNS = [  # numbers that mean the same for a picture of any size
    "contrast",
    "dark_ink",
    "ink",
    "centre_x",
    "centre_y",
    "extent",
    "stroke",
    "border_changes",
    "sharpness",
    "parts",
    "largest_part",
    "second_digit",
]
IDENTITY_COLUMNS = ["picture", "thumbnail"]
COLUMNS = ["problem", *FILE_COLUMNS, *PIXEL_COLUMNS, *IDENTITY_COLUMNS]
THUMBNAIL_SIZE = 14  # pixels: the side of the canonical digit, averaged two by two; near duplicates are found by it
SOLID_INK = 0.75  # of the strongest ink: more is the inside of a stroke, less its edge


def row_group_statistics(group: RowGroup) -> pd.DataFrame:
    """ROW_COLUMNS, `source` and the statistics of the pictures in a row group of the raw data."""
    return next(row_groups_statistics([group]))


def row_groups_statistics(groups: Sequence[RowGroup]) -> Iterator[pd.DataFrame]:
    """The same of each of some row groups of one file."""
    for group, examples in zip(groups, raw_tables.read_row_groups(groups), strict=True):
        rows = {
            "split": group.split,
            "row": pd.RangeIndex(group.first_row, group.first_row + group.rows),
            "path": [example.path for example in examples],
            "label": [example.label for example in examples],
            "source": [example.source for example in examples],
        }
        yield pd.DataFrame(rows).join(compute_statistics([example.data for example in examples]))


def add_names(table: pd.DataFrame) -> pd.DataFrame:
    """The table with a `name` for messages: the split, the row and the path of a picture."""
    path = table["path"].map(printable)
    return table.assign(name=table["split"].astype(str) + " row " + table["row"].astype(str) + ", " + path)


def stored(table: pd.DataFrame, split_rule: Mapping[str, Any]) -> pa.Table:
    """What data/interim/ keeps of a table, with what assigned its splits: `digits data diff` compares that too.

    A column's type depends on its values: with a picture that can't be decoded, `width` has a missing value, and is
    float.
    """
    columns = pa.Table.from_pandas(table.drop(columns=["thumbnail", "name"], errors="ignore"), preserve_index=False)
    return columns.cast(dataset.encode_rule(columns.schema, split_rule))


def compute_statistics(encoded: Sequence[bytes]) -> pd.DataFrame:
    """The statistics of encoded pictures: one row each, in their order.

    Columns: `problem`, why a picture can't be decoded (the others are then missing), and `format`, `mode`, `frames`,
    `width`, `height`, `min_pixel_value` and `max_pixel_value` as in `pictures.Picture`, `aspect`, the longest side over
    the shortest; then, of the pixel values, `ink` and `stroke` of the canonical digit and the others of the picture:

    `contrast`        brightest minus darkest, 0 to 255
    `dark_ink`        1 where the ink is darker than the paper, else 0
    `ink`             fraction of pixels that hold at least half of the strongest ink
    `centre_x`        the ink's centre of mass, from 0 at the left edge to 1 at the right one; `centre_y` likewise
    `extent`          longest side of the ink's bounding box, as a fraction of the picture's longest side
    `stroke`          mean width of the strokes, as a fraction of the longest side of the ink's bounding box
    `border_changes`  changes between ink and paper along the outermost pixels, as a fraction of the steps along them
    `sharpness`       fraction of the inked pixels that are solid, not the edge of a stroke
    `parts`           connected components of the inked pixels
    `largest_part`    fraction of the inked pixels in the largest connected component
    `second_digit`    the smaller fraction of the ink on one side of an empty column: 0 for one digit
    `picture`         SHA-256 of the shape and the pixel values: equal for two files that show the same
    `thumbnail`       the canonical digit at 14 x 14, 196 bytes
    """
    parts = [_batch_statistics(batch) for batch in pictures.decode_batches(encoded)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)


def compute_thumbnails(digits: Pixels) -> Pixels:
    """(n, 14, 14) uint8: (n, 28, 28) canonical digits, averaged two by two."""
    quarters = digits.reshape(-1, THUMBNAIL_SIZE, 2, THUMBNAIL_SIZE, 2)
    means: Pixels = (quarters.sum(axis=(2, 4), dtype=np.uint16) // 4).astype(np.uint8)
    return means


def _batch_statistics(batch: list[pictures.Picture | pictures.PictureError]) -> pd.DataFrame:
    decoded = {row: one for row, one in enumerate(batch) if isinstance(one, pictures.Picture)}
    table = pd.DataFrame(
        [_file_statistics(decoded[row]) if row in decoded else {"problem": str(one)} for row, one in enumerate(batch)],
        columns=COLUMNS,
    )
    columns = {name: np.full(len(batch), np.nan) for name in PIXEL_COLUMNS}
    thumbnails = np.full(len(batch), None, dtype=object)
    for positions, stack in stacks.by_shape([picture.pixels for picture in decoded.values()]):
        rows = np.array(list(decoded))[positions]
        ink = canonical.ink_fractions(stack)
        digits = canonical.canonical(stack, ink)
        for name, values in _pixel_statistics(stack, ink, digits).items():
            columns[name][rows] = values
        thumbnails[rows] = [one.tobytes() for one in compute_thumbnails(digits)]
    return table.assign(**columns, thumbnail=thumbnails)


def _file_statistics(picture: pictures.Picture) -> dict[str, Any]:
    shape = f"{picture.width} {picture.height}".encode()
    return {
        **{name: getattr(picture, name) for name in FILE_COLUMNS if name != "aspect"},
        "aspect": max(picture.width, picture.height) / min(picture.width, picture.height),
        "picture": hashlib.sha256(shape + picture.pixels.tobytes()).hexdigest(),
    }


def _pixel_statistics(stack: Pixels, ink: Floats, digits: Pixels) -> dict[str, np.ndarray]:
    """PIXEL_COLUMNS of a (n, height, width) uint8 stack, its `ink_fractions` and its canonical digits; each (n,)."""
    height, width = stack.shape[1:]
    inked, digit_ink = ink > INK_THRESHOLD, digits / np.float32(255)
    (top, bottom), (left, right) = stacks.bounds(inked)
    centre_y, centre_x = stacks.centre_of_mass(ink)
    parts, largest_part = _parts(inked)
    return {
        "contrast": stacks.contrast(stack),
        "dark_ink": canonical.dark_on_light(stack),
        "ink": (digit_ink >= 0.5).mean(axis=(1, 2)),
        "centre_x": (centre_x + 0.5) / width,
        "centre_y": (centre_y + 0.5) / height,
        "extent": (np.maximum(bottom - top, right - left) + 1) / max(height, width),
        "stroke": relative_stroke_width(digit_ink),
        "border_changes": _border_changes(inked),
        "sharpness": (ink >= SOLID_INK).sum(axis=(1, 2)) / np.maximum(inked.sum(axis=(1, 2)), 1),
        "parts": parts,
        "largest_part": largest_part,
        "second_digit": _second_digit(inked),
    }


def _border_changes(mask: Bools) -> Floats:
    """(n,) how often (n, height, width) bool changes along its outermost pixels, of the steps along them."""
    sides = [mask[:, 0], mask[:, -1], mask[:, :, 0], mask[:, :, -1]]
    changes = np.concatenate([np.diff(side, axis=1) for side in sides], axis=1)
    share: Floats = changes.sum(axis=1) / max(changes.shape[1], 1)
    return share


def _parts(mask: Bools) -> tuple[np.ndarray, np.ndarray]:
    """(n,) connected parts of (n, height, width) bool, and (n,) the fraction of its ink in the largest."""
    touching = np.zeros((3, 3, 3), bool)
    touching[1] = True  # within one picture, never across to the next
    parts, count = ndimage.label(mask, touching)
    sizes = np.bincount(parts.ravel(), minlength=count + 1)
    picture_of = np.zeros(count + 1, int)
    where = np.nonzero(parts)
    picture_of[parts[where]] = where[0]
    largest = np.zeros(len(mask))
    np.maximum.at(largest, picture_of[1:], sizes[1:])
    return np.bincount(picture_of[1:], minlength=len(mask)), largest / np.maximum(mask.sum(axis=(1, 2)), 1)


def _second_digit(mask: Bools) -> Floats:
    """(n,) the largest share of (n, height, width) bool's ink that an empty column separates from a larger rest."""
    columns = mask.sum(axis=1)
    before = np.cumsum(columns, axis=1) / np.maximum(columns.sum(axis=1, keepdims=True), 1)
    share: Floats = np.where(columns == 0, np.minimum(before, 1 - before), 0).max(axis=1)
    return share
