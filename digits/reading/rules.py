"""Erasing the rules of a page: ruled and squared paper, tables, boxes. Digits that touch them keep their strokes.

Thin straight pieces that lie on one line, and are together much longer than a stroke, are a rule; it is erased where
it is as thin as it mostly is (`digits.data.lines.erase_path`).
"""

from typing import NamedTuple

import cv2
import numpy as np
from scipy.sparse.csgraph import connected_components

from digits.arrays import Bools, Floats, Ints, Numbers, Pixels
from digits.data.lines import erase_path

SEARCH_SIDE = 1200  # pixels: rules are searched in a copy of about this size
PALE = 0.7  # of the threshold of ink: rules are often printed in a pale colour
PIECE = 24  # pixels of the copy: the shortest level piece; a rule with a slope of 7 degrees consists of such
WIDENED = 1  # pixels of the copy, up and down
SHEARS = (0.0, 0.14, -0.14)  # pixels down for each across: the page may be turned, by 14 degrees at most
SLENDER = 10  # times as long as thick: a shorter piece is a stroke
MAX_THICKNESS = 8  # pixels of the copy
MIN_LENGTH = 0.3  # of the page's side that it runs along: the pieces of a rule, in sum
MIN_SLENDER = 25  # times as long as thick, all pieces together: a stroke as tall as a strip of paper is not
MIN_UNBROKEN, LONG = 0.12, 40  # of that side, and times as long as thick: a piece that is a rule by itself
MAX_GAP = 0.2  # of that side, between pieces
TOLERANCE, DRIFT = 2.5, 0.02  # pixels from the line of another piece, and more for each pixel of distance
MAX_TURN = 0.06  # difference of the slopes of pieces of one rule
MAX_PIECES = 3000  # more are a texture


class Piece(NamedTuple):
    """`columns` (k,) int and `rows` (k,) of its middle, in pixels of the copy, `slope` down for each pixel across."""

    columns: Ints
    rows: Floats
    slope: float
    thickness: float


class LevelParts(NamedTuple):
    """The thin level parts of a mask: `labels` (height, width) has the `numbers` (k,) of their pixels.

    `boxes` (k, 4) are left, top, width and height, and `thickness` (k,) the mean one, in pixels.
    """

    labels: np.ndarray
    numbers: Ints
    boxes: Numbers
    thickness: Floats


class Rule(NamedTuple):
    """All `columns` (k,) int from its first to its last, and the `rows` (k,) of its middle, in pixels of the copy."""

    columns: Ints
    rows: Floats
    thickness: float


def without_rules(ink: Pixels, threshold: int) -> Pixels:
    """(height, width) uint8 ink without its rules, level or upright by at most 14 degrees."""
    factor = -(-max(ink.shape) // SEARCH_SIDE)
    mask = _reduced_mask(ink, round(PALE * threshold), factor)
    rest = ink
    for turned in (False, True):
        for rule in _rules(np.ascontiguousarray(mask.T) if turned else mask):
            rest = ink.copy() if rest is ink else rest
            view = rest.T if turned else rest
            columns = np.arange(rule.columns[0] * factor, min((rule.columns[-1] + 1) * factor, view.shape[1]))
            rows = np.interp((columns + 0.5) / factor - 0.5, rule.columns, rule.rows)
            reach = max(2, round(1.5 * rule.thickness * factor))
            erase_path(view, columns, rows * factor, reach, rim=threshold // 2)
    return rest


def _reduced_mask(ink: Pixels, threshold: int, factor: int) -> np.ndarray:
    mask = (ink > threshold).astype(np.uint8)
    if factor == 1:
        return mask
    largest = cv2.dilate(mask, np.ones((factor, factor), np.uint8), anchor=(0, 0))
    return np.ascontiguousarray(largest[::factor, ::factor])


def _rules(mask: np.ndarray) -> list[Rule]:
    """The rules of a page that may be turned: with the shear that gives the longest thin pieces in a smaller copy."""
    small = cv2.dilate(mask, np.ones((2, 2), np.uint8), anchor=(0, 0))[::2, ::2]
    lengths = [_level_parts(_sheared(small, shear)[0]).boxes[:, cv2.CC_STAT_WIDTH].sum() for shear in SHEARS]
    shear = SHEARS[int(np.argmax(lengths))]
    sheared, offset = _sheared(mask, shear)
    return [rule._replace(rows=rule.rows - shear * rule.columns - offset) for rule in _level_rules(sheared)]


def _sheared(mask: np.ndarray, shear: float) -> tuple[np.ndarray, float]:
    """The mask with columns moved down by `shear` for each pixel across, and by how much its first row is lower."""
    height, width = mask.shape
    offset = max(0.0, -shear * width)
    turn = np.array([[1, 0, 0], [shear, 1, offset]])
    size = (width, int(height + abs(shear) * width))
    return cv2.warpAffine(mask, turn, size, flags=cv2.INTER_NEAREST) if shear else mask, offset


def _level_rules(mask: np.ndarray) -> list[Rule]:
    parts = _level_parts(mask)
    pieces = _pieces(mask, parts) if len(parts.numbers) <= MAX_PIECES else []
    if not pieces:
        return []
    lengths = np.array([len(piece.columns) for piece in pieces])
    _, groups = connected_components(_collinear(pieces, lengths, mask.shape[1]), directed=False)
    found = []
    thickness = np.array([piece.thickness for piece in pieces])
    alone = (lengths >= MIN_UNBROKEN * mask.shape[1]) & (lengths >= LONG * thickness)
    total, area = np.bincount(groups, lengths), np.bincount(groups, lengths * thickness)
    rules = (total >= MIN_LENGTH * mask.shape[1]) & (total * total >= MIN_SLENDER * area)
    rules[groups[alone]] = True
    for group in np.flatnonzero(rules):
        members = [pieces[one] for one in np.flatnonzero(groups == group)]
        known = np.concatenate([piece.columns for piece in members])
        rows = np.concatenate([piece.rows for piece in members])
        order = np.argsort(known)
        columns = np.arange(max(0, known.min() - PIECE), min(mask.shape[1], known.max() + PIECE + 1))
        thick = float(np.median([piece.thickness for piece in members]))
        found.append(Rule(columns, _extended(columns, known[order], rows[order]), thick))
    return found


def _extended(columns: Numbers, known: Numbers, rows: Numbers) -> Floats:
    """The rows at all columns: between the known ones straight, beyond them as their ends slope."""
    inner = np.interp(columns, known, rows)
    slope = np.polyfit(known, rows, 1)[0]
    beyond = np.minimum(columns - known[0], 0) + np.maximum(columns - known[-1], 0)
    extended: Floats = inner + slope * beyond
    return extended


def _level_parts(mask: np.ndarray) -> LevelParts:
    near = cv2.dilate(mask, np.ones((2 * WIDENED + 1, 1), np.uint8))  # a rule slopes, and bends with the paper
    opened = cv2.morphologyEx(near, cv2.MORPH_OPEN, np.ones((1, PIECE), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(opened)
    boxes = stats[1:]  # without the paper
    thickness = np.maximum(1, boxes[:, cv2.CC_STAT_AREA] / boxes[:, cv2.CC_STAT_WIDTH] - 2 * WIDENED)
    thin = np.flatnonzero((thickness <= MAX_THICKNESS) & (boxes[:, cv2.CC_STAT_WIDTH] >= SLENDER * thickness))
    return LevelParts(labels, thin + 1, boxes[thin, :4], thickness[thin])


def _pieces(mask: np.ndarray, parts: LevelParts) -> list[Piece]:
    found = []
    for number, (left, top, wide, high), thickness in zip(parts.numbers, parts.boxes, parts.thickness, strict=True):
        box = np.s_[top : top + high, left : left + wide]
        inside = (parts.labels[box] == number) & (mask[box] > 0)
        counts = inside.sum(axis=0)
        columns = np.flatnonzero(counts)
        if len(columns) < PIECE // 2:
            continue
        rows = _smoothed((inside * np.arange(high)[:, None]).sum(axis=0)[columns] / counts[columns] + top)
        found.append(Piece(columns + left, rows, float(np.polyfit(columns, rows, 1)[0]), float(thickness)))
    return found


def _collinear(pieces: list[Piece], lengths: Numbers, width: int) -> Bools:
    """(n, n) bool: which pairs lie on one line, not far apart; the longer piece says how it slopes."""
    slope = np.array([piece.slope for piece in pieces])
    left, right = (np.array([piece.columns[end] for piece in pieces], float) for end in (0, -1))
    first, last = (np.array([piece.rows[end] for piece in pieces]) for end in (0, -1))
    longer = lengths[:, None] >= lengths
    steepness = np.where(longer, slope[:, None], slope)
    gap = left[None] - right[:, None]  # from the end of one to the start of another
    expected = last[:, None] + steepness * gap
    distance = np.abs(expected - first[None])
    near = (gap > -PIECE) & (gap <= MAX_GAP * width) & (distance <= TOLERANCE + DRIFT * np.maximum(gap, 0))
    collinear: Bools = near & (np.abs(slope[:, None] - slope) <= MAX_TURN)
    return collinear


def _smoothed(values: Numbers) -> Floats:
    """The running median, so that a stroke that crosses does not pull the path away."""
    side = min(PIECE, len(values)) // 2 * 2 + 1
    padded = np.pad(values, side // 2, mode="edge")
    smoothed: Floats = np.median(np.lib.stride_tricks.sliding_window_view(padded, side), axis=-1)[: len(values)]
    return smoothed
