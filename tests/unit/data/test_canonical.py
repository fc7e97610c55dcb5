"""The one conversion from pixel values to the canonical digit."""

import numpy as np
import pytest
from PIL import Image

from digits.data import canonical, stacks
from digits.data.paper import MIN_CONTRAST
from digits.data.stacks import DIGIT_SIZE


@pytest.fixture
def digit(mnist_digits) -> np.ndarray:
    return mnist_digits.images[7]


def apart(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(n,) mean difference of two stacks' pixel values, picture by picture."""
    return np.abs(one.astype(int) - other).mean(axis=(1, 2))


def shown_large(images: np.ndarray) -> np.ndarray:
    """Digits as in a scan: nine times as large, dark on light, off the centre."""
    large = np.kron(255 - images, np.ones((1, 9, 9), np.uint8))
    return np.pad(large, ((0, 0), (40, 120), (100, 20)), constant_values=255)


def test_every_real_mnist_digit_stays_unchanged(mnist_digits):
    assert canonical.canonical(mnist_digits.images).tobytes() == mnist_digits.images.tobytes()


def test_a_stack_gives_the_same_bytes_as_one_by_one(mnist_digits):
    padded = np.pad(mnist_digits.images[::100], ((0, 0), (3, 9), (14, 2)))
    blank = np.full_like(padded[:1], 90)
    for stack in (
        mnist_digits.images[::100],
        255 - mnist_digits.images[::100],
        np.concatenate([padded, blank, 255 - padded, padded // 2]),
        shown_large(mnist_digits.images[::1000]),
    ):
        together = canonical.canonical(stack)
        assert (together.shape, together.dtype) == ((len(stack), DIGIT_SIZE, DIGIT_SIZE), np.uint8)
        assert together.tobytes() == b"".join(canonical.canonical(one[None]).tobytes() for one in stack)
        assert together.tobytes() == canonical.canonical(stack, canonical.ink_fractions(stack)).tobytes()


def test_the_canonical_digit_is_as_lecun_describes_it(mnist_digits):
    shown = np.kron(mnist_digits.images[::100], np.ones((1, 3, 3), np.uint8))
    digits = canonical.canonical(np.pad(shown, ((0, 0), (10, 50), (0, 31))))
    assert canonical.is_canonical(digits).all()
    for found in digits:
        rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
        centre = np.array([found.sum(1) @ np.arange(28), found.sum(0) @ np.arange(28)]) / found.sum()
        assert found.max() == 255
        assert max(np.ptp(rows), np.ptp(columns)) + 1 in (19, 20)
        assert np.abs(centre - 14).max() <= 0.52


def test_the_ink_is_scaled_as_pillow_resizes():
    pixels = np.zeros((50, 60), np.uint8)
    pixels[8:43, 22:37] = np.random.default_rng(0).integers(60, 256, (35, 15))  # all of it is ink: 35 x 15 pixels
    pixels[8, 22] = 255
    (found,) = canonical.scaled_and_centred(canonical.ink_fractions(pixels[None]))
    box = Image.fromarray(pixels[8:43, 22:37].astype(np.float32)).resize((9, 20), Image.Resampling.BICUBIC)
    scaled = np.clip(np.asarray(box), 0, 255)
    scaled *= 255 / scaled.max()
    (top, _), (left, _) = stacks.bounds(found[None] > 0)
    assert np.abs(found[top[0] : top[0] + 20, left[0] : left[0] + 9] - scaled).max() <= 1
    assert np.count_nonzero(found) == 20 * 9


def test_a_canonical_result_stays_as_it_is(mnist_digits):
    once = canonical.canonical(np.pad(mnist_digits.images[::25], ((0, 0), (30, 5), (1, 12))))
    assert np.array_equal(canonical.canonical(once), once)


def test_dark_on_light_gives_the_same_digit(mnist_digits):
    found = canonical.canonical(255 - mnist_digits.images)
    assert np.abs(found.astype(int) - mnist_digits.images).max() <= 1  # its brightest may be 254


def test_low_contrast_paper_and_ink_give_the_same_digit_within_rounding(mnist_digits):
    faint = (180 - mnist_digits.images[::25].astype(int) * 100 // 255).astype(np.uint8)
    # One pixel value of the faint picture is 2.55 of the digit's.
    assert apart(canonical.canonical(faint), mnist_digits.images[::25]).max() <= 1


@pytest.mark.parametrize("side", [1, 8, 28, 50, 100])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_blank_paper_gives_zeros(side, level):
    assert not canonical.canonical(np.full((3, side, side), level, np.uint8)).any()


@pytest.mark.parametrize("side", [40, 100], ids=["small", "photograph"])
def test_the_faintest_ink_that_is_read(side):
    pixels = np.full((2, side, side), 200, np.uint8)
    pixels[0, 10:30, 15:20] -= MIN_CONTRAST - 1
    pixels[1, 10:30, 15:20] -= 2 * MIN_CONTRAST
    assert canonical.canonical(pixels).any(axis=(1, 2)).tolist() == [False, True]


def test_paper_with_nothing_but_grain_and_shadow_gives_zeros():
    grain = np.random.default_rng(0).normal(0, 5, (120, 160))
    shadow = np.linspace(120, 220, 160)
    pixels = np.clip(shadow + grain, 0, 255).astype(np.uint8)[None]
    assert stacks.contrast(pixels)[0] > 100
    assert not canonical.canonical(pixels).any()


def test_a_large_off_centre_picture_gives_nearly_its_digit(mnist_digits):
    images = mnist_digits.images[::250]
    found = canonical.canonical(shown_large(images))
    assert canonical.is_canonical(found).all()
    assert np.median(apart(found, images)) < 4


def test_a_photograph_with_uneven_light_noise_and_specks_gives_nearly_its_digit(mnist_digits):
    images = mnist_digits.images[::250]
    random = np.random.default_rng(0)
    ink = 1 - shown_large(images) / 255
    height, width = ink.shape[1:]
    light = 120 + 90 * np.linspace(0, 1, width) + 30 * np.linspace(0, 1, height)[:, None]
    photographs = light * (1 - 0.7 * ink) + random.normal(0, 4, ink.shape)
    for photograph in photographs:
        for row, column in random.integers(3, min(height, width) - 8, (12, 2)):
            photograph[row : row + 5, column : column + 5] = 20
    found = canonical.canonical(np.clip(np.rint(photographs), 0, 255).astype(np.uint8))
    # Without the paper's shading taken away these differ by 37 from the digit on average, and none below 23.
    assert np.median(apart(found, images)) < 6
    assert apart(found, images).max() < 23


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (2, 3), (8, 64), (70, 400), (64, 65)])
def test_a_picture_of_any_shape_gives_a_digit_or_zeros(shape):
    stack = np.random.default_rng(0).integers(0, 256, (5, *shape), dtype=np.uint8)
    found = canonical.canonical(stack)
    assert (found.shape, found.dtype) == ((5, DIGIT_SIZE, DIGIT_SIZE), np.uint8)
    assert set(found.max(axis=(1, 2))) <= {0, 255}


def test_an_empty_stack_gives_an_empty_stack():
    assert canonical.canonical(np.zeros((0, 40, 30), np.uint8)).shape == (0, DIGIT_SIZE, DIGIT_SIZE)


class TestParts:
    def test_ink_fractions_are_0_for_paper_and_1_for_the_strongest_ink(self):
        pixels = np.full((2, 4, 4), 200, np.uint8)
        pixels[0, 1, 1], pixels[0, 2, 2] = 100, 150  # dark ink, and half of it
        pixels[1, 1, 1], pixels[1, 2, 2] = 255, 160  # light ink, and a shadow below the paper
        ink = canonical.ink_fractions(pixels)
        assert ink.dtype == np.float32
        assert ink[:, 0, 0].tolist() == [0, 0]
        assert ink[:, 1, 1].tolist() == [1, 1]
        assert ink[:, 2, 2].tolist() == [pytest.approx(0.5), 0]

    def test_contrast_and_the_ink_that_is_darker(self):
        pixels = np.full((3, 5, 5), 100, np.uint8)
        pixels[0, 2, 2], pixels[1, 2, 2] = 30, 170
        assert stacks.contrast(pixels).tolist() == [70, 70, 0]
        assert canonical.dark_on_light(pixels).tolist() == [True, False, False]

    def test_the_border_is_the_outermost_pixels(self):
        pixels = np.arange(12, dtype=np.uint8).reshape(1, 3, 4)
        assert sorted(stacks.border(pixels)[0].tolist()) == sorted([0, 1, 2, 3, 8, 9, 10, 11, 0, 4, 8, 3, 7, 11])

    def test_bounds(self):
        mask = np.zeros((2, 5, 7), bool)
        mask[0, 1, 4] = mask[0, 3, 2] = True
        (top, bottom), (left, right) = stacks.bounds(mask)
        assert (top[0], bottom[0], left[0], right[0]) == (1, 3, 2, 4)
        assert (top[1], bottom[1], left[1], right[1]) == (0, 4, 0, 6)  # of an empty one the bounds of the picture

    def test_centre_of_mass(self):
        stack = np.zeros((2, 5, 7), np.uint8)
        stack[0, 1, 2], stack[0, 3, 6] = 30, 10  # (30 x 1 + 10 x 3) / 40 and (30 x 2 + 10 x 6) / 40
        rows, columns = stacks.centre_of_mass(stack)
        assert rows.tolist() == [1.5, 2]
        assert columns.tolist() == [3, 3]

    @pytest.mark.parametrize(
        ("height", "width", "top", "left", "expected"),
        [
            (20, 7, 4, 11, True),  # a centre of mass at (13.5, 14)
            (19, 19, 5, 5, True),  # at (14, 14)
            (7, 20, 11, 4, True),
            (21, 7, 4, 11, False),  # too long
            (18, 7, 5, 11, False),  # too short
            (20, 7, 5, 11, True),  # at (14.5, 14)
            (20, 7, 6, 11, False),  # at (15.5, 14)
            (20, 7, 4, 9, False),  # at (13.5, 12)
        ],
    )
    def test_what_is_canonical_already(self, height, width, top, left, expected):
        pixels = np.zeros((1, 28, 28), np.uint8)
        pixels[0, top : top + height, left : left + width] = 255
        assert canonical.is_canonical(pixels).tolist() == [expected]

    def test_another_size_than_28_is_never_canonical(self):
        assert canonical.is_canonical(np.zeros((3, 28, 29), np.uint8)).tolist() == [False] * 3


class TestByShape:
    def test_pictures_of_one_size_are_stacked_with_their_positions(self):
        arrays = [
            np.full(shape, value, np.uint8) for value, shape in enumerate([(2, 3), (3, 2), (2, 3), (1, 6), (2, 3)])
        ]
        found = [(places.tolist(), stack.shape, stack[:, 0, 0].tolist()) for places, stack in stacks.by_shape(arrays)]
        assert found == [([0, 2, 4], (3, 2, 3), [0, 2, 4]), ([1], (1, 3, 2), [1]), ([3], (1, 1, 6), [3])]

    def test_a_stack_has_no_more_pixels_than_allowed(self, monkeypatch):
        monkeypatch.setattr(stacks, "MAX_STACK_PIXELS", 100)
        arrays = [np.zeros((5, 8), np.uint8)] * 5 + [np.zeros((20, 30), np.uint8)] * 2
        found = [(places.tolist(), stack.shape) for places, stack in stacks.by_shape(arrays)]
        assert found == [
            ([0, 1], (2, 5, 8)),
            ([2, 3], (2, 5, 8)),
            ([4], (1, 5, 8)),
            ([5], (1, 20, 30)),  # one picture is larger than that already
            ([6], (1, 20, 30)),
        ]

    def test_no_pictures_are_no_stacks(self):
        assert list(stacks.by_shape([])) == []
