"""Image statistics, against values computed by hand."""

from io import BytesIO
from math import pi

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from digits.data import canonical, pictures, stacks
from digits.data.statistics import COLUMNS, FILE_COLUMNS, IDENTITY_COLUMNS, PIXEL_COLUMNS, compute_statistics

WHITE = 255


def of(pixels: np.ndarray) -> pd.Series:
    """The statistics of one picture."""
    return compute_statistics([pictures.encode_png(pixels.astype(np.uint8))]).iloc[0]


def drawn(*rectangles: tuple[int, int, int, int], shape: tuple[int, int] = (20, 20)) -> np.ndarray:
    """White rectangles (first row, height, first column, width) on black paper."""
    pixels = np.zeros(shape, np.uint8)
    for top, height, left, width in rectangles:
        pixels[top : top + height, left : left + width] = WHITE
    return pixels


def test_a_picture_of_known_content():
    pixels = np.full((10, 20), 255, np.uint8)
    pixels[2:8, 5:10] = 15  # 30 of 200 pixels hold full ink: 240 below the paper
    pixels[2:7, 10:12] = 120  # 10 hold 135 / 240 = 0.5625 of it
    pixels[2:7, 12:14] = 150  # 10 hold 105 / 240 = 0.4375
    found = of(pixels)
    assert found[FILE_COLUMNS].to_dict() == {
        "format": "PNG",
        "mode": "L",
        "frames": 1,
        "width": 20,
        "height": 10,
        "aspect": 2.0,
        "min_pixel_value": 15.0,
        "max_pixel_value": 255.0,
    }
    assert pd.isna(found["problem"])
    rows = (30 * 4.5 + 5.625 * 4 + 4.375 * 4) / 40
    columns = (30 * 7 + 5.625 * 10.5 + 4.375 * 12.5) / 40
    assert found[PIXEL_COLUMNS].drop(["ink", "stroke"]).to_dict() == pytest.approx(
        {
            "contrast": 240,
            "dark_ink": 1,
            "centre_x": (columns + 0.5) / 20,
            "centre_y": (rows + 0.5) / 10,
            "extent": 9 / 20,
            "border_changes": 0,
            "sharpness": 30 / 50,
            "parts": 1,
            "largest_part": 1,
            "second_digit": 0,
        }
    )


BAR = drawn((4, 20, 12, 4), shape=(28, 28))  # a canonical picture


@pytest.mark.parametrize(
    ("name", "pixels", "value"),
    [
        ("contrast", np.full((9, 9), 77), 0),
        ("contrast", np.full((9, 9), 77) + np.eye(9), 1),
        ("dark_ink", drawn((5, 10, 8, 4)), 0),
        ("dark_ink", 255 - drawn((5, 10, 8, 4)), 1),
        ("ink", BAR, 80 / 784),
        ("ink", np.pad(BAR, ((0, 0), (9, 0))), 80 / 784),  # of the canonical digit: margins change nothing
        ("ink", np.full((9, 9), 77), 0),
        ("centre_x", drawn((5, 10, 0, 4)), 0.1),
        ("centre_y", drawn((5, 10, 0, 4)), 0.5),
        ("centre_x", drawn((5, 10, 16, 4), shape=(20, 40)), 18 / 40),
        ("extent", drawn((5, 10, 8, 4)), 0.5),
        ("extent", drawn((5, 4, 8, 12)), 0.6),
        ("stroke", BAR, 2 * 80 / (pi / 4 * 48) / 20),
        ("stroke", drawn((4, 12, 9, 3)), 2 * 36 / (pi / 4 * 30) / 12),
        ("stroke", drawn((0, 2, 0, 20)), 2 * 40 / (pi / 4 * 44) / 20),
        ("border_changes", drawn((5, 10, 0, 4)), 2 / 76),
        ("border_changes", drawn((10, 10, 4, 4), (0, 3, 9, 1)), 4 / 76),
        ("border_changes", drawn((5, 10, 8, 4)), 0),
        ("border_changes", drawn(*((row, 1, 0, 20) for row in range(0, 20, 2))), 2 * 19 / 76),  # stripes
        ("sharpness", drawn((5, 10, 8, 4)), 1),
        (
            "sharpness",
            drawn((5, 10, 8, 4)) - drawn((5, 10, 8, 3)) // 3,
            1 / 4,
        ),  # two thirds of the ink in three quarters
        ("parts", drawn((2, 5, 2, 3), (12, 5, 2, 1)), 2),
        ("parts", np.full((9, 9), 77), 0),
        ("largest_part", drawn((2, 5, 2, 3), (12, 5, 2, 1)), 15 / 20),
        ("largest_part", drawn((2, 5, 2, 3), (7, 5, 5, 3)), 1),  # they touch at a corner
        ("largest_part", np.full((9, 9), 77), 0),
        ("second_digit", drawn((2, 10, 2, 3), (2, 10, 9, 2)), 20 / 50),
        ("second_digit", drawn((2, 10, 2, 3), (2, 10, 5, 2)), 0),
        ("second_digit", drawn((2, 5, 2, 9), (12, 5, 2, 9)), 0),  # one above the other
        ("second_digit", drawn((2, 10, 1, 1), (2, 10, 6, 3), (2, 10, 15, 1)), 10 / 50),
    ],
)
def test_a_statistic_by_hand(name, pixels, value):
    assert of(pixels)[name] == pytest.approx(value)


@pytest.mark.parametrize(("shape", "aspect"), [((10, 10), 1), ((5, 20), 4), ((20, 5), 4)])
def test_the_aspect_is_that_of_the_longest_side(shape, aspect):
    assert of(np.zeros(shape))["aspect"] == aspect


def test_pictures_of_one_size_do_not_affect_one_another():
    arrays = [
        drawn((2, 5, 2, 3)),
        drawn((5, 10, 8, 4), (2, 10, 15, 1)),
        np.full((20, 20), 9),
        255 - drawn((1, 9, 2, 2)),
    ]
    arrays = [drawn((1, 3, 4, 5), shape=(12, 30)), *arrays, *arrays]  # pictures in one stack do not touch
    arrays.insert(2, arrays[1])
    together = compute_statistics([pictures.encode_png(pixels.astype(np.uint8)) for pixels in arrays])
    alone = pd.concat([of(pixels).to_frame().T for pixels in arrays], ignore_index=True)
    for name in COLUMNS:
        assert together[name].dropna().tolist() == alone[name].dropna().tolist(), name


def test_the_numbers_of_a_digit_do_not_depend_on_its_scale(mnist_digits):
    images = mnist_digits.images[:5]
    small = compute_statistics([pictures.encode_png(image) for image in images])
    twice = compute_statistics([pictures.encode_png(np.kron(image, np.ones((2, 2), np.uint8))) for image in images])
    of_the_canonical_digit = ["ink", "stroke"]
    for name in set(PIXEL_COLUMNS) - {*of_the_canonical_digit}:
        assert twice[name].to_numpy() == pytest.approx(small[name].to_numpy(), abs=1e-6), name
    for name in of_the_canonical_digit:
        assert twice[name].to_numpy() == pytest.approx(small[name].to_numpy(), rel=0.06), name


def test_two_files_that_show_the_same_have_the_same_hash():
    pixels = np.arange(100, dtype=np.uint8).reshape(10, 10)
    bitmap = BytesIO()
    Image.fromarray(pixels).save(bitmap, "BMP")
    one, same, turned, other = compute_statistics(
        [
            bitmap.getvalue(),
            *map(pictures.encode_png, (pixels, np.ascontiguousarray(pixels.reshape(5, 20)), pixels + 1)),
        ]
    )["picture"]
    assert one == same
    assert len({one, turned, other}) == 3


def test_the_thumbnail_is_the_canonical_digit_averaged_two_by_two(mnist_digits):
    digit = mnist_digits.images[7]
    (data,) = compute_statistics([pictures.encode_png(np.pad(digit, 3))])["thumbnail"]
    (large,) = canonical.canonical(np.pad(digit, 3)[None])
    quarters = [large[row::2, column::2].astype(int) for row in (0, 1) for column in (0, 1)]
    assert np.frombuffer(data, np.uint8).reshape(14, 14).tolist() == (sum(quarters) // 4).tolist()


def test_what_is_no_picture_has_a_problem_and_nothing_else():
    table = compute_statistics([b"seven", pictures.encode_png(drawn((5, 10, 8, 4))), b""])
    assert table["problem"].dropna().to_dict() == {
        0: "not a picture (5 bytes); supported: PNG, JPEG, BMP, TIFF, WEBP, GIF, PPM, HEIF, AVIF",
        2: "not a picture (0 bytes); supported: PNG, JPEG, BMP, TIFF, WEBP, GIF, PPM, HEIF, AVIF",
    }
    assert table.loc[[0, 2], COLUMNS[1:]].isna().all(axis=None)
    assert table.loc[1, COLUMNS[1:]].notna().all()
    assert table.loc[1, "extent"] == 0.5


@pytest.mark.parametrize("encoded", [[], [b"seven", b"eight"]], ids=["none", "none readable"])
def test_without_pictures_every_column_is_there(encoded):
    table = compute_statistics(encoded)
    assert list(table) == COLUMNS == ["problem", *FILE_COLUMNS, *PIXEL_COLUMNS, *IDENTITY_COLUMNS]
    assert len(table) == len(encoded)


def test_pictures_keep_their_order_across_batches(monkeypatch):
    encoded = [pictures.encode_png(drawn((0, 1, 0, number + 1))) for number in range(7)]
    monkeypatch.setattr(pictures, "MAX_STACK_PIXELS", 800)
    monkeypatch.setattr(stacks, "MAX_STACK_PIXELS", 400)
    assert (compute_statistics(encoded)["extent"] * 20).round().tolist() == [1, 2, 3, 4, 5, 6, 7]


def test_extreme_pixel_values_are_those_of_the_file():
    deep = BytesIO()
    Image.fromarray(np.array([[0, 40_000], [65_535, 7]], np.uint16)).save(deep, "PNG")
    found = compute_statistics([deep.getvalue()]).iloc[0]
    assert (found["mode"], found["min_pixel_value"], found["max_pixel_value"], found["contrast"]) == (
        "I;16",
        0,
        65_535,
        255,
    )
