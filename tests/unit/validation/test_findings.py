"""Contradictions between a picture and its file, or the other pictures, on tables made by hand and on real digits."""

import numpy as np
import pandas as pd
import pytest

from digits.validation.findings import add_findings
from tests.unit.validation.conftest import FINDINGS, MAX_DISTANCE, MAX_MINORITY, MAX_RATIO, table


def find(made: pd.DataFrame) -> pd.DataFrame:
    return add_findings(made, MAX_MINORITY, MAX_DISTANCE, MAX_RATIO)


def found(column: str, *rows: dict) -> dict[int, str]:
    """The messages in a column, by row; a test picture without any follows the rows."""
    return find(table(*rows, {"split": "test", "dark_ink": np.nan}))[column].dropna().to_dict()


def test_unrelated_pictures_have_no_findings():
    related = find(table({}, {}, {"split": "test"}))
    assert set(FINDINGS) <= set(related)
    assert related[FINDINGS].isna().all(axis=None)


def test_undecodable_pictures_have_no_findings():
    rows = [{"picture": None}, {"picture": None}, {"picture": None, "split": "test", "label": 3}]
    assert find(table({}, {"split": "test"}, *rows))[FINDINGS].isna().all(axis=None)


@pytest.mark.parametrize("rows", [[], [{"split": "test", "picture": None}]], ids=["no test split", "none readable"])
def test_an_empty_test_split_is_no_error(rows):
    assert find(table({}, {"picture": None}, *rows))[FINDINGS].isna().all(axis=None)


@pytest.mark.parametrize(
    ("path", "format", "words"),
    [
        ("3/a.png", "PNG", None),
        ("3/a.jpg", "PNG", "named .jpg, but contains PNG"),
        ("3/a.png", "JPEG", "named .png, but contains JPEG"),
        ("3/a.JPEG", "JPEG", None),
        ("3/a.b.Tif", "TIFF", None),
        ("3/a.pgm", "PPM", None),
        ("3/a.ppm", "PPM", None),
        ("3/a.webp", "GIF", "named .webp, but contains GIF"),
        ("3/a.xyz", "PNG", None),  # the suffix of no format
        ("3/a", "PNG", None),
        ("3/a.png", None, None),  # an undecodable picture fails another expectation
    ],
)
def test_misnamed(path, format, words):
    assert found("misnamed", {}, {"path": path, "format": format}) == ({} if words is None else {1: words})


@pytest.mark.parametrize(
    ("dark", "light", "words"),
    [
        (0, 10, {}),
        (1, 9, {0: "dark on light, most pictures light on dark"}),
        (2, 9, {}),  # more than a tenth: a collection of both
        (9, 1, {9: "light on dark, most pictures dark on light"}),
        (10, 0, {}),
    ],
)
def test_odd_ink(dark, light, words):
    assert found("odd_ink", *[{"dark_ink": 1.0}] * dark, *[{"dark_ink": 0.0}] * light) == words


def test_undecodable_pictures_have_no_odd_ink():
    assert found("odd_ink", *[{"dark_ink": 0.0}] * 10, {"dark_ink": np.nan}) == {}
    assert found("odd_ink", {"dark_ink": np.nan}) == {}


def test_5000_real_digits_have_no_findings(real):
    assert find(real)[FINDINGS].notna().sum().to_dict() == dict.fromkeys(FINDINGS, 0)


def test_the_same_table_gives_the_same_findings(real):
    loose = [add_findings(real, MAX_MINORITY, 0.2, 1.5)[FINDINGS] for _ in range(2)]
    assert loose[0].notna().sum().sum() > 5
    pd.testing.assert_frame_equal(*loose)
