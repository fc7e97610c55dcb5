"""The candidates of a line, and their canonical digits. 0.1 s."""

import cv2
import numpy as np

from digits.reading.candidates import Candidate, images
from digits.reading.finding import Finding, find
from digits.reading.separation import Lattice, separate, wholes
from tests.unit.reading.pages import PEN, blank, write


def lattice_of(page: np.ndarray, probability: float) -> tuple[Finding, Lattice]:
    """The candidates of a page's only line, each of whose parts is a digit by this probability."""
    found = find(page)
    (line,) = found.lines
    parts = wholes(found, line)
    return found, separate(found, line, parts, np.full(len(parts), probability))


def boxes_of_cuts(lattice: Lattice) -> list[tuple[int, ...]]:
    return [lattice.candidates[arc.candidate].box for arc in lattice.arcs if arc.cut]


def touching() -> np.ndarray:
    page = write(blank(120, 300), "38", 60, 90, 50)
    cv2.line(page, (85, 80), (110, 80), PEN, 3)
    return page


def test_touching_digits_are_cut_where_they_are_no_sure_digit():
    found, lattice = lattice_of(touching(), 0.6)
    (box,) = found.parts.boxes.tolist()
    cuts = boxes_of_cuts(lattice)
    middle = 97
    assert any(left == box[0] and abs(right - middle) < 8 for left, _, right, _ in cuts)
    assert any(abs(left - middle) < 8 and right == box[2] for left, _, right, _ in cuts)
    assert [arc[:2] for arc in lattice.arcs if not arc.cut] == [(0, lattice.pieces)]
    assert all(0 <= arc.first < arc.last <= lattice.pieces for arc in lattice.arcs)


def test_a_sure_digit_and_a_narrow_one_are_not_cut():
    sure = write(blank(120, 300), "8", 100, 90, 50)
    narrow = cv2.line(blank(120, 300), (100, 90), (108, 40), PEN, 7)
    for page, probability in ((sure, 0.99), (narrow, 0.5)):
        _, lattice = lattice_of(page, probability)
        assert lattice.pieces == len(lattice.candidates) == 1


def test_a_line_of_letters_is_not_cut():
    page = write(blank(120, 500), "mwmwmw", 40, 90, 50)
    assert boxes_of_cuts(lattice_of(page, 0.6)[1])
    assert not boxes_of_cuts(lattice_of(page, 0.1)[1])


def test_parts_that_are_close_are_also_one_candidate_and_others_are_not():
    for gap, groups in ((4, 1), (12, 0)):
        page = blank(120, 300)
        page[40:80, 100:106] = page[40:80, 106 + gap : 112 + gap] = PEN
        _, lattice = lattice_of(page, 0.99)
        assert len(lattice.candidates) == 2 + groups


def test_a_broken_digit_is_also_one_candidate():
    page = write(blank(120, 400), "57 8", 60, 90, 50)
    page[58:61, :98] = 220  # breaks the 5
    found, lattice = lattice_of(page, 0.99)
    count = len(found.parts.boxes)
    groups = [lattice.candidates[arc.candidate].box for arc in lattice.arcs if not arc.cut and arc.candidate >= count]
    pieces = found.parts.boxes[found.parts.boxes[:, 0] < 98]
    assert len(pieces) == 2
    assert groups == [(*pieces[:, :2].min(axis=0), *pieces[:, 2:].max(axis=0))]


def test_a_candidate_has_no_ink_of_its_neighbours():
    page = write(blank(120, 300), "4", 60, 90, 50)
    cv2.line(page, (90, 30), (130, 110), PEN, 4)
    found = find(page)
    (line,) = found.lines
    four, _ = wholes(found, line)
    alone = find(write(blank(120, 300), "4", 60, 90, 50))
    (expected,) = wholes(alone, alone.lines[0])
    assert four.box == expected.box
    assert np.array_equal(four.ink > 0, expected.ink > 0)


def test_canonical_digits_of_candidates_are_alike_at_every_size_and_strength():
    large = write(np.zeros((1040, 1040), np.uint8), "5", 20, 1020, 1000, 255)

    def image(height: int, strength: float) -> np.ndarray:
        ink = cv2.resize(large, (height, height), interpolation=cv2.INTER_AREA)
        return images([Candidate((0, 0, 1, 1), (ink * strength).astype(np.uint8), 0.0)])[0].astype(int)

    expected = image(100, 1.0)
    assert expected.shape == (28, 28) and expected.max() > 250
    assert np.abs(image(100, 0.3) - expected).mean() < 3
    for height, difference in ((14, 15), (40, 1), (300, 1), (1000, 1)):
        assert np.abs(image(height, 1.0) - expected).mean() < difference


def test_the_digit_of_a_sloping_line_is_upright():
    ink = write(np.zeros((160, 160), np.uint8), "7", 50, 120, 80, 255)
    turned = cv2.warpAffine(ink, cv2.getRotationMatrix2D((80, 80), -15, 1), (160, 160))
    straight, sloping, neglected = images(
        [
            Candidate((0, 0, 1, 1), ink, 0.0),
            Candidate((0, 0, 1, 1), turned, np.tan(np.radians(15))),
            Candidate((0, 0, 1, 1), turned, 0.0),
        ]
    ).astype(int)
    assert np.abs(straight - sloping).mean() < 0.7 * np.abs(straight - neglected).mean()


def test_no_candidates_have_no_images():
    assert images([]).shape == (0, 28, 28)
