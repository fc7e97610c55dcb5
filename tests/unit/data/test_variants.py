"""A digit in any format, colour or size gives nearly the same canonical digit."""

import numpy as np
import pytest

from digits.data import pictures
from tests.variants import VARIANTS

# Mean difference in pixel values from MNIST's own digit, at the best of the nine shifts by a pixel. Pens of another
# width and 18 pixels differ more.
ALLOWED = {"18 x 18": 23, "hairline pen": 20, "marker pen": 25, "out of focus": 20}


def difference(made: np.ndarray, digit: np.ndarray) -> float:
    shifts = [np.roll(made, (down, right), (0, 1)) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return min(np.abs(shifted.astype(int) - digit).mean() for shifted in shifts)


@pytest.fixture(scope="module")
def some(mnist_digits):
    return mnist_digits.images[7::500]


def test_there_are_thirty():
    assert len(VARIANTS) == 30


@pytest.mark.parametrize("name", VARIANTS)
def test_every_variant_gives_nearly_the_canonical_digit(some, name):
    for digit in some[:2] if "12-megapixel" in name else some:
        made = pictures.decode_canonical(VARIANTS[name](digit))
        assert difference(made, digit) <= ALLOWED.get(name, 15)


def test_a_canonical_digit_stays_unchanged(some):
    for digit in some:
        assert pictures.decode_canonical(VARIANTS["as MNIST has it"](digit)).tobytes() == digit.tobytes()
