"""From a picture to its page, with a linear model that is trained here, or a constant one. One second."""

import cv2
import numpy as np
import pytest

from digits.data.dataset import Digits
from digits.data.picture_files import PictureError
from digits.data.pictures import encode_png
from digits.model.classifier import Classifier
from digits.reading import Limits, read
from tests import linear_model
from tests.unit.reading.pages import blank, paste, write


@pytest.fixture(scope="module")
def classifier(tmp_path_factory, mnist_digits) -> Classifier:
    half = Digits(mnist_digits.images[::2], mnist_digits.labels[::2])
    return Classifier(linear_model.train(half, tmp_path_factory.mktemp("model") / "linear.onnx"))


@pytest.fixture(scope="module")
def clear(classifier, mnist_digits) -> dict[int, np.ndarray]:
    """Of each label the digit, not trained on, that the model is surest of."""
    others = Digits(mnist_digits.images[1::2], mnist_digits.labels[1::2])
    shares = classifier.predict(others.images).probabilities
    return {label: others.images[np.where(others.labels == label, shares[:, label], 0).argmax()] for label in range(10)}


@pytest.fixture
def threes(constant_model) -> Classifier:
    """A model that predicts 3 by 91 % and accepts all."""
    return Classifier(constant_model(3))


def write_line(page: np.ndarray, digits: dict[int, np.ndarray], text: str, top: int) -> None:
    for place, sign in enumerate(text):
        if sign != " ":
            paste(page, digits[int(sign)][None], 30 + place * 49, top, 56, 49)


def test_lines_of_digits_are_read_exactly_with_their_boxes(classifier, clear):
    page = blank(300, 560)
    write_line(page, clear, "70353", 30)
    write_line(page, clear, "0653  738", 150)
    found = read(encode_png(page), classifier)
    assert found.lines == ["70353", "0653 738"]
    assert (found.width, found.height, found.grid) == (560, 300, None)
    assert [(digit.line, digit.position) for digit in found.digits] == [
        *((0, place) for place in range(5)),
        *((1, place) for place in range(7)),
    ]
    first = found.digits[0]
    ink = cv2.boundingRect((clear[7] > 100).astype(np.uint8))
    expected = (30 + 2 * ink[0], 30 + 2 * ink[1], 30 + 2 * (ink[0] + ink[2]), 30 + 2 * (ink[1] + ink[3]))
    assert first.box == pytest.approx(expected, abs=4)
    assert (first.label, first.accepted, first.reason) == (7, True, None)
    assert first.probability > 0.9


def test_digits_of_14_and_of_600_pixels_are_read_in_one_picture(classifier, clear):
    page = blank(1000, 1200)
    paste(page, clear[8][None], 300, 60, 840, 1)
    paste(page, clear[6][None], 60, 940, 20, 1)
    digits = read(page, classifier).digits
    assert sorted((digit.label, digit.accepted) for digit in digits) == [(6, True), (8, True)]
    heights = sorted(digit.box[3] - digit.box[1] for digit in digits)
    assert heights == pytest.approx([14, 600], rel=0.1)


@pytest.mark.parametrize("tilt", [-8, 8])
def test_a_tilted_line_is_one_line(threes, clear, tilt):
    page = blank(400, 600)
    write_line(page, clear, "7352735", 170)
    turn = cv2.getRotationMatrix2D((300, 200), tilt, 1)
    assert read(cv2.warpAffine(page, turn, (600, 400), borderValue=220), threes).lines == ["3" * 7]


def test_with_the_layout_line_all_is_one_line(threes):
    page = write(write(blank(200, 400), "71", 40, 80), "42", 200, 160)
    assert read(page, threes).lines == ["33", "33"]
    assert read(page, threes, layout="line").lines == ["33 33"]


def test_boxes_are_those_of_the_picture_when_it_is_averaged_down(threes):
    page = write(blank(400, 601), "4", 401, 300, 120)
    whole = read(page, threes)
    reduced = read(page, threes, limits=Limits(max_pixels=400 * 601 // 4))
    assert (reduced.width, reduced.height) == (601, 400)
    assert reduced.digits[0].box == pytest.approx(whole.digits[0].box, abs=4)


def test_what_is_less_probable_is_refused_with_a_reason_and_a_question_mark(threes):
    page = write(blank(120, 300), "742", 40, 90)
    found = read(page, threes, min_probability=0.95)
    assert [digit.accepted for digit in found.digits] == [False] * 3
    assert all("95" in str(digit.reason) for digit in found.digits)
    assert found.lines == [] and found.digits[0].line is None


@pytest.mark.parametrize(
    ("limits", "message"),
    [(Limits(max_digits=2), "more than 2 digits; cut the picture"), (Limits(seconds=0), "takes longer than 0 s; cut")],
)
def test_a_limit_is_an_error_that_says_what_to_do(threes, limits, message):
    with pytest.raises(PictureError, match=message):
        read(write(blank(120, 300), "742", 40, 90), threes, limits=limits)


def hostile() -> dict[str, np.ndarray]:
    """Pictures without a digit."""
    random = np.random.default_rng(0)
    rows, columns = np.indices((400, 500))
    return {
        "black": np.zeros((400, 500), np.uint8),
        "narrow and black": np.zeros((4000, 20), np.uint8),
        "white": np.full((400, 500), 255, np.uint8),
        "one pixel": np.zeros((1, 1), np.uint8),
        "one row": random.integers(0, 256, (1, 3000), np.uint8),
        "noise": random.integers(0, 256, (400, 500), np.uint8),
        "colours": random.integers(0, 256, (400, 500, 3), np.uint8),
        "pale noise": np.clip(random.normal(180, 8, (400, 500)), 0, 255).astype(np.uint8),
        "checkerboard": ((rows + columns) % 2 * 255).astype(np.uint8),
        "squares": np.where((rows % 20 < 12) & (columns % 20 < 12), 0, 255).astype(np.uint8),
        "stripes": (rows // 2 % 2 * 255).astype(np.uint8),
    }


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("layout", ["page", "line", "grid"])
@pytest.mark.parametrize("name", hostile())
def test_a_picture_without_a_digit_has_none(threes, name, layout):
    found = read(hostile()[name], threes, layout=layout)
    assert (found.digits, found.lines) == ([], [])
