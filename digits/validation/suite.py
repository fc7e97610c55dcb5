"""The expectations on pictures, labels, splits and drift. Bounds and severities are in params.yaml, by their names."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from digits.data.dataset import LABELS, SPLITS
from digits.validation.drift import PROFILE_COLUMNS

# Pillow's names: greyscale of up to 16 bits, colour of 8
MODES = ["1", "L", "LA", "La", "P", "PA", "RGB", "RGBA", "I;16", "I;16B", "I;16L", "I"]


class Expectation(NamedTuple):
    """An expectation on a column: its name in params.yaml, a description, and the type and arguments for GX."""

    name: str
    column: str | None
    description: str
    type: str = "ExpectColumnValuesToBeBetween"
    arguments: Mapping[str, Any] = MappingProxyType({})


NULL, IN_SET = "ExpectColumnValuesToBeNull", "ExpectColumnValuesToBeInSet"
DIGITS = {"value_set": list(LABELS)}
DIGITS_IN_SPLITS = {"value_set": [f"{split} {label}" for split in SPLITS for label in LABELS]}
UNIFORM = {"partition_object": {"values": list(LABELS), "weights": [1 / len(LABELS)] * len(LABELS)}}

PICTURE_EXPECTATIONS = [
    # The file
    Expectation("pictures", None, "enough pictures to train on", "ExpectTableRowCountToBeBetween"),
    Expectation("readable", "problem", "every picture can be decoded", NULL),
    Expectation("mode", "mode", "greyscale or colour, in a known pixel format", IN_SET, {"value_set": MODES}),
    Expectation("frames", "frames", "not animated; only the first frame is read"),
    Expectation("file_name", "misnamed", "the file's suffix agrees with its content", NULL),
    Expectation("width", "width", "pixels across"),
    Expectation("height", "height", "pixels down"),
    Expectation("aspect", "aspect", "longest side over shortest"),
    Expectation("min_pixel_value", "min_pixel_value", "no pixel value below black"),
    Expectation("max_pixel_value", "max_pixel_value", "no pixel value above 16 bits"),
    # The pixels
    Expectation("contrast", "contrast", "brightest minus darkest pixel value: not blank"),
    Expectation("ink_colour", "odd_ink", "ink dark on light or light on dark, as in the other pictures", NULL),
    Expectation("ink", "ink", "fraction of the canonical digit's pixels with ink"),
    Expectation("centre_x", "centre_x", "the ink's centre of mass, from left to right"),
    Expectation("centre_y", "centre_y", "the ink's centre of mass, from top to bottom"),
    Expectation("extent", "extent", "the ink's size, as a fraction of the picture's"),
    Expectation("stroke", "stroke", "width of the canonical digit's strokes, as a fraction of its size"),
    Expectation("border_changes", "border_changes", "changes between ink and paper along the picture's border"),
    Expectation("sharpness", "sharpness", "fraction of the ink that is solid: not blurred"),
    Expectation("parts", "parts", "connected components of the ink: not a scene, nor a page"),
    Expectation("largest_part", "largest_part", "fraction of the ink that is connected: not scattered"),
    Expectation("second_digit", "second_digit", "fraction of the ink that is separate: not two digits"),
    # The labels
    Expectation("label", "label", "the label is a digit", IN_SET, DIGITS),
    Expectation("every_digit", "label", "every digit occurs", "ExpectColumnDistinctValuesToContainSet", DIGITS),
    Expectation("balance", "label", "balanced classes", "ExpectColumnKLDivergenceToBeLessThan", UNIFORM),
    Expectation("one_label", "other_label", "no picture has two labels", NULL),
    Expectation("class_typical", "class_mismatch", "typical of its class, where that has 96 pictures", NULL),
    Expectation(
        "corrections_apply", "correction_conflict", "each correction is of the label that the source gives", NULL
    ),
    Expectation(
        "corrected_share",
        "corrected_share",
        "fraction of a class's labels that people corrected or dropped",
        "ExpectColumnMaxToBeBetween",
    ),
    # The splits
    Expectation(
        "digits_in_splits",
        "split_label",
        "every digit occurs in each split",
        "ExpectColumnDistinctValuesToContainSet",
        DIGITS_IN_SPLITS,
    ),
    Expectation("no_duplicates", "duplicate_of", "no duplicate in a split", NULL),
    Expectation("no_leak", "also_in_split", "no picture in two splits", NULL),
    Expectation("no_near_leak", "near_duplicate_of", "no picture nearly the same as one of another split", NULL),
]

# Of each statistic, against the reference profile
DRIFT_EXPECTATIONS = [
    Expectation("drift", name, f"{name} distributed as in the reference profile", "ExpectColumnMaxToBeBetween")
    for name in PROFILE_COLUMNS
]
