"""The ink of one photograph or scan: its pixels without the paper under it, uneven light, shadows and noise."""

import cv2
import numpy as np

from digits.arrays import Floats, Numbers, Pixels
from digits.data.stacks import border

MIN_CONTRAST = 16  # of 255: a picture with less is blank
PAPER_TOLERANCE = 40  # pixel values: a pixel nearer to the paper than this is paper, with noise
FIT_SIDE = 64  # pixels: the light is fitted to a sample of the picture of about this size
WINDOW_SIDE = 96  # pixels: the local paper is computed on a copy of about this size
WINDOW = 0.5  # of the shorter side: wider than twice any stroke, so that most of the pixels in it are paper
MIN_EXPLAINED = 0.9  # of the pixels are paper or strong ink under even light
SHADOW_WIDTH = 0.12  # of the shorter side: a darker region along the border that is wider is a shadow, not ink
SHADOW_BORDER = 0.04  # of the border's pixels: so many lie in such a region


def without_paper(pixels: Pixels) -> Floats:
    """The ink of each pixel of one photograph or scan, (height, width) float32: 0 for paper to 1 for the pen.

    `pixels` is (height, width) uint8, dark ink on light paper or the reverse. The paper is a quadratic surface where
    that explains the picture, else, as under a shadow with an edge, the median of a large window. All 0 for a blank
    picture, whose ink is weaker than MIN_CONTRAST.
    """
    paper = _smooth_paper(pixels)
    ink, explained = (None, 0.0) if paper is None else _ink(pixels, paper)
    if ink is None or explained < MIN_EXPLAINED or _has_shadow(ink):
        ink, _ = _ink(pixels, _local_paper(pixels))
    return ink


def _ink(pixels: Pixels, paper: Floats) -> tuple[np.ndarray, float]:
    """The ink over a paper, (height, width) float32, and the fraction of pixels that are paper or strong ink."""
    above = pixels - paper
    distance = np.abs(above)
    plain = distance[distance <= PAPER_TOLERANCE]
    noise = max(1.0, 1.4826 * float(np.median(plain))) if plain.size else 1.0  # MAD, as a standard deviation
    darker, lighter = (np.clip(sign * above - 4 * noise, 0, None) for sign in (-1, 1))
    dark = np.square(darker).sum() > np.square(lighter).sum()
    ink = darker * (paper.max() / np.maximum(paper, 1)) if dark else lighter  # in a shadow dark ink is as strong
    strokes = ink[ink > 0.4 * ink.max()]
    strongest = float(np.median(strokes)) if strokes.size else 0.0
    if strongest < MIN_CONTRAST:
        return np.zeros_like(ink), float((distance <= 4 * noise + 6).mean())
    ink = np.clip(ink / strongest, 0, 1)
    return ink, float(((distance <= 4 * noise + 6) | (ink > 0.6)).mean())


def _smooth_paper(pixels: Pixels) -> Floats | None:
    """The paper as a quadratic surface, (height, width) float32, fitted to the pixels near it; None if few are.

    It starts from the border's median and from that of the whole picture: a frame falsifies the one, a digit that
    fills the picture the other. Of the two surfaces the one is taken that more pixels lie on.
    """
    step = max(1, max(pixels.shape) // FIT_SIDE)
    small = pixels[step // 2 :: step, step // 2 :: step].astype(np.float64)
    axes = [np.linspace(-1, 1, side) for side in pixels.shape]
    y, x = np.meshgrid(*(axis[step // 2 :: step] for axis in axes), indexing="ij")
    terms = np.stack([np.ones_like(x), x, y, x * y, x * x, y * y])
    fits = [_fit(small, terms, float(np.median(start))) for start in (border(small[None]), small)]
    share, weights = max(fits, key=lambda fit: fit[0])
    if share == 0:
        return None
    a, b, c, d, e, f = weights
    y, x = axes[0][:, None], axes[1][None]
    paper: Floats = np.clip(a + b * x + c * y + d * x * y + e * x * x + f * y * y, 0, 255).astype(np.float32)
    return paper


def _fit(small: np.ndarray, terms: np.ndarray, start: float) -> tuple[float, np.ndarray]:
    """The fraction of pixels on a surface of these (6, height, width) terms, 0 if few are, and the terms' weights."""
    paper, weights = np.full_like(small, start), np.zeros(len(terms))
    for tolerance in (PAPER_TOLERANCE, 25, 15):  # pixel values: the slope of a shadow, then the grain of the paper
        near = np.abs(small - paper) <= tolerance
        if near.sum() < 0.2 * small.size:
            return 0.0, weights
        known = terms[:, near]
        weights, *_ = np.linalg.lstsq(known @ known.T, known @ small[near], rcond=None)
        paper = np.tensordot(weights, terms, axes=1)
    return float((np.abs(small - paper) <= tolerance).mean()), weights


def _local_paper(pixels: Pixels) -> np.ndarray:
    """The paper as the median of a large window around each pixel, (height, width) float32."""
    small = _resized(pixels, WINDOW_SIDE)
    reach = max(1, int(WINDOW * min(small.shape)) // 2)
    around = cv2.copyMakeBorder(small, reach, reach, reach, reach, cv2.BORDER_REFLECT)
    median = cv2.medianBlur(around, 2 * reach + 1)[reach:-reach, reach:-reach]
    smooth = cv2.GaussianBlur(median, (0, 0), 1.0)
    return cv2.resize(smooth, pixels.shape[::-1], interpolation=cv2.INTER_LINEAR).astype(np.float32)


def _has_shadow(ink: Floats) -> bool:
    """Whether a region along the border is inked that is too wide for a stroke, a line or a frame."""
    small = (_resized(ink, FIT_SIDE) > 0.4).astype(np.uint8)
    width = max(3, round(SHADOW_WIDTH * min(small.shape)))
    around = cv2.copyMakeBorder(small, width, width, width, width, cv2.BORDER_REPLICATE)
    wide = cv2.morphologyEx(around, cv2.MORPH_OPEN, np.ones((width, width), np.uint8))[width:-width, width:-width]
    return bool(border(wide[None]).mean() > SHADOW_BORDER)


def _resized(pixels: Numbers, side: int) -> Numbers:
    """The picture averaged down to `side` pixels on its longest side, where it is larger."""
    factor = max(1.0, max(pixels.shape) / side)
    size = [max(1, round(length / factor)) for length in pixels.shape[::-1]]
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA) if factor > 1 else pixels
