"""MNIST's digits as people photograph and scan them: in frames, on lined paper, with a thin pen, in bad light.

Each kind is a function of one (28, 28) uint8 digit and a random generator, and gives a (side, side) uint8 picture,
dark ink on light paper. `benchmarks.pictures` scores the champion on them.
"""

from collections.abc import Callable

import cv2
import numpy as np

from tests.variants import large

Kind = Callable[[np.ndarray, np.random.Generator], np.ndarray]
GROUPS: dict[str, dict[str, Kind]] = {"framed": {}, "thin pen": {}, "other": {}}


def kind(group: str) -> Callable[[Kind], Kind]:
    def register(function: Kind) -> Kind:
        GROUPS[group][function.__name__.replace("_", " ")] = function
        return function

    return register


@kind("framed")
def frame(digit, random):
    ink = _placed(digit, random, 0.45, 0.75)
    return _photographed(_with_box(ink, random, random.uniform(0, 0.08)), random)


@kind("framed")
def double_frame(digit, random):
    ink = _placed(digit, random, 0.45, 0.7)
    margin = random.uniform(0.01, 0.03)
    return _photographed(_with_box(_with_box(ink, random, margin), random, margin + 0.05), random)


@kind("framed")
def frame_that_is_touched(digit, random):
    ink = _placed(digit, random, 0.85, 0.98)
    return _photographed(_with_box(ink, random, random.uniform(0.03, 0.1)), random)


@kind("framed")
def grid_cell(digit, random):
    ink = _placed(digit, random, 0.45, 0.7)
    side, lines = len(ink), np.zeros(ink.shape, np.float32)
    for turn in range(4):
        if random.random() < 0.7:
            lines = np.ascontiguousarray(np.rot90(lines, turn))
            row = int(side * random.uniform(0, 0.09))
            cv2.line(lines, (0, row), (side, row), random.uniform(0.5, 1), _thickness(side, random, 0.01, 0.04))
    return _photographed(np.maximum(ink, lines), random)


@kind("framed")
def ruled_paper(digit, random):
    return _photographed(_with_lines(_placed(digit, random, 0.5, 0.8), random, 0.12, 0.3), random)


@kind("framed")
def squared_paper(digit, random):
    ink = _placed(digit, random, 0.5, 0.8)
    level = _with_lines(ink, random, 0.08, 0.2)
    return _photographed(np.maximum(level, _with_lines(ink.T, random, 0.08, 0.2).T), random)


@kind("thin pen")
def ballpoint(digit, random):
    return _photographed(thin(_placed(digit, random, 0.5, 0.8, 200, 500), random.uniform(0.008, 0.03)), random)


@kind("thin pen")
def binary_scan(digit, random):
    ink = thin(_placed(digit, random, 0.6, 0.95, 60, 300), random.uniform(0.01, 0.03))
    return np.where(ink > 0.5, 0, 255).astype(np.uint8)


@kind("thin pen")
def pencil(digit, random):
    ink = thin(_placed(digit, random, 0.5, 0.8, 100, 400), random.uniform(0.02, 0.05))
    return _photographed(ink, random, contrast=(35, 60))


@kind("other")
def marker(digit, random):
    ink = _placed(digit, random, 0.5, 0.75)
    return _photographed(cv2.dilate(ink, _disc(int(len(ink) * random.uniform(0.02, 0.05)))), random)


@kind("other")
def edge_of_a_shadow(digit, random):
    picture = _photographed(_placed(digit, random, 0.5, 0.8), random)
    across = _across(len(picture), random) - random.uniform(-0.2, 0.2)
    return (picture * (1 - random.uniform(0.3, 0.6) / (1 + np.exp(-80 * across)))).astype(np.uint8)


@kind("other")
def vignette(digit, random):
    picture = _photographed(_placed(digit, random, 0.5, 0.8), random)
    middle = np.linspace(-0.5, 0.5, len(picture))
    dim = 1 - 0.8 * (middle[:, None] ** 2 + middle**2) - 0.3 * (_across(len(picture), random) + 0.5)
    return (picture * np.clip(dim, 0, 1)).astype(np.uint8)


@kind("other")
def black_border(digit, random):
    picture = _photographed(_placed(digit, random, 0.5, 0.75), random)
    width = int(len(picture) * random.uniform(0.02, 0.08))
    picture[:width] = picture[:, -width:] = 20
    return picture


@kind("other")
def punch_hole_and_staple(digit, random):
    ink = _placed(digit, random, 0.45, 0.6)
    side = len(ink)
    cv2.circle(ink, (int(0.06 * side), int(random.uniform(0.2, 0.8) * side)), int(0.05 * side), 1.0, -1)
    cv2.line(ink, (int(0.75 * side), int(0.05 * side)), (int(0.9 * side), int(0.08 * side)), 1.0, max(1, side // 80))
    return _photographed(ink, random)


@kind("other")
def specks(digit, random):
    ink = _placed(digit, random, 0.5, 0.7)
    for centre in random.integers(0, len(ink), (15, 2)).tolist():
        cv2.circle(ink, centre, max(1, int(len(ink) * random.uniform(0.003, 0.012))), 1.0, -1)
    return _photographed(ink, random)


@kind("other")
def broken_strokes(digit, random):
    ink = _placed(digit, random, 0.5, 0.8)
    width = max(1, len(ink) // 60)
    row, column = (random.uniform(0.35, 0.65, 2) * len(ink)).astype(int)
    ink[row : row + width] = ink[:, column : column + width] = 0
    return _photographed(ink, random)


def _placed(digit, random, least: float, most: float, smallest=100, largest=400) -> np.ndarray:
    """(side, side) float32 ink, 0 to 1: the digit's box of 28 pixels is this fraction of the side, off the middle."""
    side = int(random.uniform(smallest, largest))
    size = int(side * random.uniform(least, most))
    ink = np.zeros((side, side), np.float32)
    top, left = ((side - size) * random.uniform(0.35, 0.65, 2)).astype(int)
    ink[top : top + size, left : left + size] = large(digit, size)
    return ink


def _photographed(ink: np.ndarray, random, contrast: tuple[float, float] = (130, 230)) -> np.ndarray:
    """The ink on grey paper, with the noise of a sensor, half of them as JPEG."""
    paper = random.uniform(200, 250)
    levels = paper - min(paper, random.uniform(*contrast)) * ink + random.normal(0, random.uniform(0, 4), ink.shape)
    picture = np.clip(levels, 0, 255).astype(np.uint8)
    if random.random() < 0.5:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(random.uniform(40, 90))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_GRAYSCALE)
    return picture


def thin(ink: np.ndarray, width: float) -> np.ndarray:
    """The strokes' middle lines, drawn as wide as this fraction of the side."""
    mask = (ink > 0.5).astype(np.uint8)
    edge = np.array([[-1, -1, -1], [0, 1, 0], [1, 1, 1]], np.int8)
    corner = np.array([[0, -1, -1], [1, 1, -1], [0, 1, 0]], np.int8)
    kernels = [np.rot90(one, turn) for turn in range(4) for one in (edge, corner)]
    before = -1
    while before != (before := int(mask.sum())):  # thinning by hit and miss, until nothing changes
        for kernel in kernels:
            mask -= cv2.morphologyEx(mask, cv2.MORPH_HITMISS, np.ascontiguousarray(kernel))
    distance = cv2.distanceTransform(1 - mask, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    return np.clip(max(1.0, width * len(ink)) / 2 + 0.5 - distance, 0, 1)


def _with_box(ink: np.ndarray, random, margin: float) -> np.ndarray:
    side, box = len(ink), np.zeros_like(ink)
    near, tilt = margin * side, random.uniform(-0.01, 0.01) * side
    far = side - 1 - near
    corners = np.array([[near, near + tilt], [far, near - tilt], [far - tilt, far], [near + tilt, far]], np.int32)
    thickness = _thickness(side, random, 0.006, 0.025)
    cv2.polylines(box, [corners], True, random.uniform(0.5, 1), thickness, cv2.LINE_AA)
    return np.maximum(ink, box)


def _with_lines(ink: np.ndarray, random, closest: float, furthest: float) -> np.ndarray:
    side, lines = len(ink), np.zeros(ink.shape, np.float32)
    step, drop = int(side * random.uniform(closest, furthest)), random.uniform(-0.015, 0.015) * side
    strength, thickness = random.uniform(0.25, 0.6), _thickness(side, random, 0.003, 0.01)
    for row in range(int(random.uniform(0, step)), side, step):
        cv2.line(lines, (0, int(row - drop)), (side - 1, int(row + drop)), strength, thickness, cv2.LINE_AA)
    return np.maximum(ink, lines)


def _across(side: int, random) -> np.ndarray:
    """(side, side): how far a pixel is along a random direction, from about -0.7 to 0.7."""
    angle, middle = random.uniform(0, 2 * np.pi), np.linspace(-0.5, 0.5, side)
    return np.cos(angle) * middle + np.sin(angle) * middle[:, None]


def _thickness(side: int, random, least: float, most: float) -> int:
    return max(1, int(side * random.uniform(least, most)))


def _disc(size: int) -> np.ndarray:
    return cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (max(1, size), max(1, size)))
