"""What is measured of a picture, against values worked out by hand."""

from io import BytesIO

import numpy as np
from PIL import Image

from digits import pictures
from digits.measurements import MEASURED, measure


def test_a_picture_of_known_content():
    grey = np.full((10, 20), 255, np.uint8)
    grey[2:8, 5:10] = 15  # 30 of 200 pixels hold full ink
    grey[2:7, 10:12] = 120  # 10 hold a little more than half
    grey[2:7, 12:14] = 150  # 10 hold less
    found = measure(pictures.write(grey))
    assert found | {"picture": ""} == {
        "problem": None,
        "mode": "L",
        "width": 20,
        "height": 10,
        "lowest": 15.0,
        "highest": 255.0,
        "contrast": 240,
        "ink": 0.2,
        "picture": "",
    }


def test_two_files_that_show_the_same_have_the_same_hash():
    grey = np.arange(100, dtype=np.uint8).reshape(10, 10)
    bitmap = BytesIO()
    Image.fromarray(grey).save(bitmap, "BMP")
    assert measure(bitmap.getvalue())["picture"] == measure(pictures.write(grey))["picture"]
    assert measure(pictures.write(grey.reshape(5, 20)))["picture"] != measure(pictures.write(grey))["picture"]


def test_what_is_no_picture_has_only_a_problem():
    assert measure(b"seven") == {
        "problem": "not a picture (5 bytes); readable are PNG, JPEG, BMP, TIFF, WEBP, GIF, PPM"
    }


def test_levels_are_those_that_the_file_holds():
    deep = BytesIO()
    Image.fromarray(np.array([[0, 40_000], [65_535, 7]], np.uint16)).save(deep, "PNG")
    found = measure(deep.getvalue())
    assert (found["mode"], found["lowest"], found["highest"], found["contrast"]) == ("I;16", 0, 65_535, 255)
    assert list(found) == MEASURED
