"""Cuts of composed pages have the label of the digit that they show, and pieces of digits none. 0.7 s."""

import numpy as np
import pytest

from digits.data.dataset import NO_DIGIT, Digits
from digits.data.page_orders import PAGE_DIGITS, PageOrder
from digits.params import Preprocess
from digits.reading import training_cuts

WANTED = Preprocess(
    non_digits=0.1, non_digits_per_kind=10, page_digits=0.5, page_non_digits=0.25, max_pages=4, drawing_seed=0
)


def ink_sides(image: np.ndarray) -> tuple[int, int]:
    """Width and height of a canonical digit's ink, pixels."""
    rows, columns = (np.flatnonzero((image > 60).any(axis=axis)) for axis in (1, 0))
    return np.ptp(columns) + 1, np.ptp(rows) + 1


@pytest.fixture(scope="module")
def two_digits(mnist_digits) -> Digits:
    """A 0 and a 7, which are written on the pages of these tests many times."""
    rows = [0, 3500]
    return Digits(mnist_digits.images[rows], mnist_digits.labels[rows])


@pytest.mark.parametrize(("size", "least"), [(None, 15), ((4, 5), 10)], ids=["lines", "grid"])
def test_a_cut_has_the_label_of_the_digit_that_it_shows(two_digits, size, least):
    found = training_cuts.cut_page(PageOrder(2, 0, two_digits, True, size))
    for image, label in zip(*two_digits, strict=True):
        cuts = found.images[found.labels == label].astype(int)
        like = np.abs(cuts - image).mean(axis=(1, 2)) < 30  # the others are in print, or lost a stroke
        assert len(cuts) >= least / 3 and like.mean() > 0.5
        others = found.images[found.labels != label].astype(int)
        assert (np.abs(others - image).mean(axis=(1, 2)) < 15).sum() == 0


def test_a_piece_that_may_be_a_1_is_not_no_digit(two_digits):
    found = training_cuts.cut_page(PageOrder(3, 2, two_digits, True))
    pieces = found.images[found.labels == NO_DIGIT]
    assert len(pieces) > 50
    sides = np.array([*map(ink_sides, pieces)])
    assert (sides[:, 0] > 0.8 * training_cuts.BAR * sides[:, 1]).all()  # a sloping line is turned


def test_a_grid_without_a_digit_gives_no_cut(two_digits):
    empty = PageOrder(1, 0, two_digits, True, (2, 2), 0.999)
    assert not len(empty.compose().labels)
    assert [column.shape for column in training_cuts.cut_page(empty)] == [(0, 28, 28), (0,)]


def test_a_page_without_ink_gives_no_cut(two_digits):
    page = PageOrder(1, 0, two_digits, True).compose()
    blank = page._replace(pixels=np.full_like(page.pixels, 255))
    assert not len(training_cuts.cut_lines(blank, np.random.default_rng(0)).labels)


def test_the_same_order_gives_the_same_cuts_and_the_difficulties_take_turns(mnist_digits):
    asked = []

    def read(rows: np.ndarray) -> Digits:
        asked.append(rows)
        return Digits(mnist_digits.images[rows], mnist_digits.labels[rows])

    found = [*training_cuts.orders(WANTED, len(mnist_digits.labels), read)]
    assert [order.difficulty for order in found] == [1, 2, 3, 4]
    again = next(training_cuts.orders(WANTED, len(mnist_digits.labels), read))
    assert len(asked) == 2 and (np.diff(asked[0]) > 0).all() and len(asked[0]) <= 4 * PAGE_DIGITS
    for one, other in zip(*(training_cuts.cut_page(order) for order in (found[0], again)), strict=True):
        assert len(one) > 10 and np.array_equal(one, other)
    assert not np.array_equal(found[0].digits.images, found[1].digits.images)


@pytest.mark.parametrize(("digits", "pages"), [(10, 1), (training_cuts.PAGE_CUTS * 4, 2), (10_000, 4)])
def test_there_is_a_page_for_so_many_cuts_up_to_a_maximum(digits, pages):
    assert training_cuts.count_pages(WANTED, digits) == pages


def test_a_page_makes_up_for_what_earlier_ones_lack():
    def page(digits: int, others: int) -> Digits:
        labels = np.array([3] * digits + [NO_DIGIT] * others)
        return Digits(np.zeros((len(labels), 28, 28), np.uint8), labels)

    each = training_cuts.PAGE_CUTS
    taken = training_cuts.sample([page(each - 3, 1), page(5 * each, 5 * each)], WANTED)
    counts = [np.bincount(cuts.labels, minlength=NO_DIGIT + 1)[[3, NO_DIGIT]].tolist() for cuts in taken]
    assert counts == [[each - 3, 1], [each + 3, each - 1]]
    nothing = WANTED.model_copy(update={"page_digits": 0.0, "page_non_digits": 0.0})
    assert training_cuts.count_pages(nothing, 1000) == 0
    assert [*training_cuts.sample([], nothing)] == []
