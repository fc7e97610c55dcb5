"""The fifteen corruptions of MNIST-C at up to five strengths, and how often a classifier misreads corrupted digits.

Mu and Gilmer 2019, https://arxiv.org/abs/1906.02337. The parameters are the defaults in the authors' corruptions.py,
https://github.com/google-research/mnist-c; the code is our own, for many digits at once.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import cv2
import numpy as np
from tqdm import tqdm

from digits.arrays import Bools, Floats, Ints, Numbers, Pixels
from digits.data.canonical import canonical
from digits.data.stacks import DIGIT_SIZE
from digits.processes import parallel_map

STRENGTHS = (1, 2, 3, 4, 5)
MNIST_C = 3  # the strength that has MNIST-C's own parameters; the only one of a corruption without strengths
COST = 4  # a corrupted digit takes as long as so many small pictures: most of them are cleaned of specks
POSITION = np.arange(DIGIT_SIZE, dtype=np.float32)
MIDDLE = (DIGIT_SIZE - 1) / 2
LINE_WIDTH = 2.3  # pixels: a line's brightness is 1 + ln(1 - distance from its middle / width), at least 0
FOG_FIELDS, FOG_SIZE = 8, 256  # independent fields of fog, and their side in pixels; each digit lies in a part of one
Entry = float | Numbers  # of a matrix: the same for all images, or (n,)
MUD = 63 / 255  # brightness of the spattered mud


class Corrupted(NamedTuple):
    """`digits` (n, 28, 28) uint8 corrupted by `name` at `strength`, and then made canonical."""

    name: str
    strength: int
    digits: Pixels


def strengths(name: str) -> tuple[int, ...]:
    """The strengths of a corruption: 1 to 5, or only MNIST-C's own, 3."""
    return STRENGTHS if len(CORRUPTIONS[name].amounts) == len(STRENGTHS) else (MNIST_C,)


def corrupted(images: Pixels, name: str, strength: int, seed: int) -> Pixels:
    """Corrupt (n, 28, 28) uint8 digits, light ink on 0: the same shape and type, not canonical any more.

    `name` is a key of CORRUPTIONS, `strength` one of `strengths(name)`. The same arguments give the same pixels.
    """
    function, amounts = CORRUPTIONS[name]
    amount = amounts[strengths(name).index(strength)]
    random = np.random.default_rng([seed, strength, *name.encode()])
    changed = function(images / np.float32(255), amount, random)
    pixels: Pixels = np.rint(np.clip(changed, 0, 1) * 255).astype(np.uint8)
    return pixels


def corrupted_digits(images: Pixels, seed: int) -> Iterator[Corrupted]:
    """Every corruption at every strength of (n, 28, 28) uint8 digits, converted as a picture that a user brings."""
    levels = [(name, strength) for name in CORRUPTIONS for strength in strengths(name)]
    yield from parallel_map(partial(_corrupted, images, seed), levels, COST * len(images) * len(levels))


def misread_shares(predict: Callable[[Pixels], Ints], images: Pixels, labels: Ints, seed: int) -> dict[str, Floats]:
    """By corruption: the share, 0 to 1, of its strengths at which each of n digits is misread, (n,) float64.

    `predict` maps (n, 28, 28) uint8 canonical digits to (n,) labels. A digit of which no ink is left is misread.
    """
    misread: dict[str, list[Bools]] = {name: [] for name in CORRUPTIONS}
    levels = sum(len(strengths(name)) for name in CORRUPTIONS)
    with tqdm(desc="corrupted digits", total=levels, unit=" levels", disable=None) as progress:
        for name, _, digits in corrupted_digits(images, seed):
            misread[name].append((predict(digits) != labels) | ~digits.any(axis=(1, 2)))
            progress.update()
    return {name: np.mean(of_levels, axis=0) for name, of_levels in misread.items()}


def corruption_error(shares: dict[str, Floats]) -> dict[str, float]:
    """Of `misread_shares`: the mean of each corruption, 0 to 1, and as `mean` that of all corruptions."""
    errors = {name: float(share.mean()) for name, share in shares.items()}
    return errors | {"mean": float(np.mean([*errors.values()]))}


def _corrupted(images: Pixels, seed: int, level: tuple[str, int]) -> Corrupted:
    return Corrupted(*level, canonical(corrupted(images, *level, seed)))


# What follows changes (n, 28, 28) float32 images, 0 to 1, by one amount; what leaves that range is clipped afterwards.


def _shot_noise(images: Floats, photons: float, random: np.random.Generator) -> Floats:
    """The noise of few photons: each pixel's count has Poisson's distribution, and a white one's mean is `photons`."""
    return random.poisson(images * photons) / photons


def _impulse_noise(images: Floats, share: float, random: np.random.Generator) -> Floats:
    """This share of the pixels becomes black or white, either equally often."""
    drawn = random.random(images.shape, np.float32)
    return np.where(drawn < share, drawn < share / 2, images)


def _glass_blur(images: Floats, amount: tuple[float, int, int], random: np.random.Generator) -> Floats:
    """Blurred, shuffled and blurred again: half of the pixels, in turn, are exchanged with one near by."""
    sigma, distance, rounds = amount
    changed = _blurred(images, sigma)
    inner = np.arange(DIGIT_SIZE - distance, distance, -1)
    rows, columns = (axis.ravel() for axis in np.meshgrid(inner, inner, indexing="ij"))
    digits = np.arange(len(images))
    for _ in range(rounds):
        moves = random.integers(-distance, distance, (2, len(rows), len(images)))
        moves *= random.random(moves.shape[1:]) < 0.5
        for row, column, (down, right) in zip(rows, columns, moves.swapaxes(0, 1), strict=True):
            there = digits, row + down, column + right
            changed[:, row, column], changed[there] = changed[there], changed[:, row, column].copy()
    return _blurred(changed, sigma)


def _motion_blur(images: Floats, sigma: float, random: np.random.Generator) -> Floats:
    """Smeared in one direction, at most 45 degrees from the horizontal, by half a Gaussian of this many pixels."""
    reach = 3 * int(sigma)
    trail = np.zeros((2 * reach + 1,) * 2, np.float32)
    trail[reach, reach:] = np.exp(-0.5 * (np.arange(reach + 1) / sigma) ** 2)
    changed = np.empty_like(images)
    for image, out, angle in zip(images, changed, random.uniform(-45, 45, len(images)), strict=True):
        kernel = cv2.warpAffine(trail, cv2.getRotationMatrix2D((reach, reach), angle, 1), trail.shape)
        cv2.filter2D(image, -1, kernel / kernel.sum(), out, borderType=cv2.BORDER_CONSTANT)
    return changed


def _shear(images: Floats, angle: float, random: np.random.Generator) -> Floats:
    """Slanted to the left or the right by this many radians."""
    sign = _signs(random, len(images))
    return _warped(images, 1, sign * np.sin(angle), 0, np.cos(angle))


def _scale(images: Floats, factor: float, random: np.random.Generator) -> Floats:
    """Made smaller, to this share of the size."""
    return _warped(images, 1 / factor, 0, 0, 1 / factor)


def _rotate(images: Floats, angle: float, random: np.random.Generator) -> Floats:
    """Turned by this many radians, either way."""
    sign = _signs(random, len(images))
    return _warped(images, np.cos(angle), -sign * np.sin(angle), sign * np.sin(angle), np.cos(angle))


def _brightness(images: Floats, amount: float, random: np.random.Generator) -> Floats:
    """Every pixel is brighter by this much."""
    return images + amount


def _translate(images: Floats, pixels: int, random: np.random.Generator) -> Floats:
    """Moved along a diagonal: by this many pixels to the left or right, and up or down."""
    right, down = pixels * _signs(random, len(images)), pixels * _signs(random, len(images))
    return _warped(images, 1, 0, 0, 1, right, down)


def _stripe(images: Floats, pixels: int, random: np.random.Generator) -> Floats:
    """Inverted in a stripe of this many pixels on the left and on the right."""
    changed = images.copy()
    for stripe in (np.s_[..., :pixels], np.s_[..., -pixels:]):
        changed[stripe] = 1 - images[stripe]
    return changed


def _fog(images: Floats, thickness: float, random: np.random.Generator) -> Floats:
    """Fog over the digit, a fractal field from 0 to `thickness`, and the whole darkened so that white stays white.

    MNIST-C's field is by the diamond-square algorithm: halving the step halves its changes. Noise whose amplitude
    falls with the square of the frequency does the same, and takes no loop.
    """
    frequency = np.hypot(np.fft.fftfreq(FOG_SIZE)[:, None], np.fft.rfftfreq(FOG_SIZE))
    frequency[0, 0] = np.inf  # no constant part
    white = np.fft.rfft2(random.standard_normal((FOG_FIELDS, FOG_SIZE, FOG_SIZE)))
    field = np.fft.irfft2(white / frequency**2)
    low, high = (extreme(field, axis=(1, 2), keepdims=True) for extreme in (np.min, np.max))
    windows = np.lib.stride_tricks.sliding_window_view((field - low) / (high - low), images.shape[1:], axis=(1, 2))
    drawn = windows[tuple(random.integers(0, windows.shape[:3], (len(images), 3)).T)]
    brightest = images.max(axis=(1, 2), keepdims=True)
    foggy: Floats = (images + thickness * drawn) * brightest / (brightest + thickness)
    return foggy


def _spatter(images: Floats, threshold: float, random: np.random.Generator) -> Floats:
    """Spots of mud where normal noise of deviation 1, blurred by a pixel, exceeds the threshold."""
    noise = _blurred(random.standard_normal(images.shape, np.float32), 1)
    cover = _blurred((noise > threshold).astype(np.float32), 1.5)
    cover[cover < 0.8] = 0  # small spots are left out
    return images * (1 - cover) + MUD * cover


def _dotted_line(images: Floats, gap: int, random: np.random.Generator) -> Floats:
    """A line from the left to the right edge, at any two heights, of which every second `gap` pixels are there."""
    left, right = random.integers(0, DIGIT_SIZE - 1, (2, len(images), 1))
    heights = left + (right - left) * POSITION / (DIGIT_SIZE - 1)
    return images + _line(heights) * (POSITION // gap % 2)


def _zigzag(images: Floats, height: float, random: np.random.Generator) -> Floats:
    """A zigzag line between the columns 2 and 25, of this height to each side of its middle, nearly level."""
    start = random.integers(0, DIGIT_SIZE - 1, (len(images), 1))
    rise = random.integers(-5, 5, (len(images), 1)) / 23
    along = POSITION - 2
    heights = start + rise * along + height * 2 / np.pi * np.arcsin(np.sin(np.pi / (2 * height) * along))
    return images + _line(heights) * ((along >= 0) & (along < 23))


def _canny_edges(images: Floats, sigma: float, random: np.random.Generator) -> Floats:
    """The edges that Canny's detector finds after a blur of this many pixels, white on black."""
    smooth = np.rint(_blurred(images, sigma) * 255).astype(np.uint8)
    return np.array([cv2.Canny(image, 25, 51, L2gradient=True) for image in smooth]).reshape(images.shape) / 255


def _blurred(images: Floats, sigma: float) -> Floats:
    """Gaussian blur of each image by `sigma` pixels."""
    from scipy.ndimage import gaussian_filter

    blurred: Floats = gaussian_filter(images, (0, sigma, sigma), mode="nearest")
    return blurred


def _signs(random: np.random.Generator, count: int) -> Ints:
    """(count,) -1 or 1."""
    return random.choice([-1, 1], count)


def _line(heights: Floats) -> Floats:
    """(n, 28, 28) brightness of lines that have these (n, 28) heights, in pixels, in each column."""
    distance = np.abs(POSITION[:, None] - heights[:, None, :])
    brightness: Floats = np.clip(1 + np.log(1 - np.clip(distance / LINE_WIDTH, 0, 0.99)), 0, 1)
    return brightness


def _warped(images: Floats, xx: Entry, xy: Entry, yx: Entry, yy: Entry, right: Entry = 0, down: Entry = 0) -> Floats:
    """Each image, sampled at (xx x + xy y + right, yx x + yy y + down) from the middle; numbers or (n,) arrays."""
    matrices = np.empty((len(images), 2, 3))
    for (row, column), entries in zip(np.ndindex(2, 3), (xx, xy, right, yx, yy, down), strict=True):
        matrices[:, row, column] = entries
    matrices[:, :, 2] += MIDDLE * (1 - matrices[:, :, :2].sum(axis=2))
    changed: Floats = np.empty_like(images)
    for image, out, matrix in zip(images, changed, matrices, strict=True):
        cv2.warpAffine(image, matrix, image.shape, out, flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
    return changed


class Corruption(NamedTuple):
    """What it does to images, and by which amount at each of its strengths."""

    function: Callable[..., Floats]
    amounts: tuple[Any, ...]


# The third amount is MNIST-C's. Where nothing else is said, the others are 1/3, 2/3, 4/3 and 5/3 of it.
CORRUPTIONS = {
    "shot_noise": Corruption(_shot_noise, (27, 6.75, 3, 1.69, 1.08)),  # photons: so their noise is 1/3 to 5/3
    "impulse_noise": Corruption(_impulse_noise, (0.057, 0.113, 0.17, 0.227, 0.283)),  # of the pixels
    # Blur and distance of an exchange, in pixels, and rounds; the last is the next one of MNIST-C's severities
    "glass_blur": Corruption(_glass_blur, ((0.55, 1, 1), (0.7, 1, 1), (0.7, 1, 2), (0.7, 1, 3), (0.9, 2, 1))),
    "motion_blur": Corruption(_motion_blur, (1, 2, 3, 4, 5)),  # pixels
    "shear": Corruption(_shear, (0.133, 0.267, 0.4, 0.533, 0.667)),  # radians: up to 38 degrees
    "scale": Corruption(_scale, (0.9, 0.8, 0.7, 0.6, 0.5)),  # of the size: MNIST-C's five severities
    "rotate": Corruption(_rotate, (0.133, 0.267, 0.4, 0.533, 0.667)),  # radians: a 6 turned by much more may be a 9
    "brightness": Corruption(_brightness, (0.167, 0.333, 0.5, 0.667, 0.833)),  # of white
    "translate": Corruption(_translate, (1, 2, 3, 4, 5)),  # pixels: MNIST-C's five severities
    "stripe": Corruption(_stripe, (7,)),  # pixels
    "fog": Corruption(_fog, (1, 2, 3, 4, 5)),  # times white
    # Half a deviation of the blurred noise, 0.28, each way
    "spatter": Corruption(_spatter, (0.14, 0.07, 0, -0.07, -0.14)),
    "dotted_line": Corruption(_dotted_line, (2,)),  # pixels
    "zigzag": Corruption(_zigzag, (2,)),  # pixels
    "canny_edges": Corruption(_canny_edges, (1,)),  # pixels
}
