"""The five difficulties of composed pages: 1 a clean scan, 3 a usual photograph, 5 a bad one."""

from typing import NamedTuple

ALL_PENS = ("black", "pencil", "blue", "red", "green", "brown")


class Difficulty(NamedTuple):
    """Pairs are a smallest and a largest value, drawn evenly in between; shares and strengths are from 0 to 1."""

    width: tuple[int, int]  # pixels of the picture
    height: tuple[int, int]  # pixels of the picture
    digit_heights: tuple[int, int]  # pixels, drawn evenly in their logarithm
    digits: tuple[int, int]  # wanted on a page; a page of tall digits has room for fewer
    printed: float  # share of lines and of grid cells in print
    pens: tuple[str, ...]
    contrast: tuple[float, float]  # 1 is the pen's own colour, 0 the paper's
    paper_tint: float  # strength of the paper's colour
    size_variation: float  # standard deviation of a digit's size in its line, as a share
    slope: float  # degrees at most, of lines
    pressure: float  # share by which a stroke fades at most
    noise: float  # pixel values: the largest standard deviation
    light: float = 0  # strength of uneven light
    shadow: float = 0  # strength of a shadow's edge
    shadow_edge: float = 0  # pixels, its width
    turn: float = 0  # degrees at most, of the sheet
    perspective: float = 0  # a corner's displacement at most, as a share of the sheet's shorter side
    crumple: float = 0  # strength of folds
    blur: float = 0  # pixels: the largest standard deviation
    jpeg: int = 100  # the lowest quality
    ruled: float = 0  # share of pages on ruled or squared paper
    tables: float = 0  # share of pages with columns that are ruled tables, not sums
    rule_strength: tuple[float, float] = (0.15, 0.4)  # contrast of rules
    boxed: float = 0  # share of lines in printed boxes
    leaves_box: float = 0  # share of the box by which a digit is off its centre at most
    touching: float = 0  # share of neighbouring pairs
    overlap: float = 0  # share of the narrower digit's width that is overlapped at most
    broken: float = 0  # share of digits with a gap in a stroke
    clutter: tuple[int, int] = (0, 1)  # letters, marks and dirt on a page, the second exclusive
    words: float = 0  # share of clutter that is lines of text
    desk: float = 0  # share of pages with the desk around the sheet
    very_tall: float = 0  # share of pages with a line of digits 0.3 to 0.5 times as tall as the sheet


DIFFICULTIES = {
    1: Difficulty(
        width=(560, 660), height=(380, 460), digit_heights=(26, 56), digits=(15, 61), printed=0.15, pens=("black",),
        contrast=(0.95, 1), paper_tint=0, size_variation=0, slope=0, pressure=0, noise=0,
    ),
    2: Difficulty(
        width=(700, 900), height=(500, 700), digit_heights=(22, 80), digits=(15, 71), printed=0.15,
        pens=("black", "blue", "red", "pencil"), contrast=(0.8, 1), paper_tint=0.04, size_variation=0.08, slope=3,
        pressure=0.25, noise=3,
    ),
    3: Difficulty(
        width=(900, 1200), height=(700, 1000), digit_heights=(20, 120), digits=(20, 81), printed=0.15, pens=ALL_PENS,
        contrast=(0.75, 1), paper_tint=0.08, size_variation=0.1, slope=3, pressure=0.3, noise=4, light=0.3, shadow=0.2,
        shadow_edge=120, turn=5, blur=0.9, ruled=0.4, tables=0.4, boxed=0.15, leaves_box=0.08, touching=0.1,
        clutter=(3, 12),
    ),
    4: Difficulty(
        width=(1200, 1600), height=(900, 1300), digit_heights=(16, 220), digits=(20, 81), printed=0.2, pens=ALL_PENS,
        contrast=(0.65, 1), paper_tint=0.25, size_variation=0.13, slope=4, pressure=0.4, noise=6, light=0.45,
        shadow=0.35, shadow_edge=50, turn=7, perspective=0.1, crumple=0.6, blur=1.2, jpeg=50, ruled=0.5, tables=0.5,
        rule_strength=(0.25, 0.7), boxed=0.2, leaves_box=0.2, touching=0.15, overlap=0.12, broken=0.06,
        clutter=(8, 25), words=0.2, desk=0.5,
    ),
    5: Difficulty(
        width=(1500, 2000), height=(1100, 1500), digit_heights=(15, 430), digits=(20, 81), printed=0.2, pens=ALL_PENS,
        contrast=(0.5, 0.95), paper_tint=0.35, size_variation=0.16, slope=5, pressure=0.5, noise=10, light=0.6,
        shadow=0.5, shadow_edge=8, turn=10, perspective=0.16, crumple=1, blur=1.7, jpeg=30, ruled=0.6, tables=0.6,
        rule_strength=(0.3, 0.9), boxed=0.2, leaves_box=0.3, touching=0.25, overlap=0.3, broken=0.12,
        clutter=(15, 40), words=0.35, desk=0.6, very_tall=0.08,
    ),
}  # fmt: skip
