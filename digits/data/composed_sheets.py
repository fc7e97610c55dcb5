"""Whole sheets: lines of digits, columns of numbers, and a ruled grid. Positions are in pixels of the flat sheet."""

from collections.abc import Callable

import numpy as np

from digits.data.composed_layout import (
    MARGIN,
    Color,
    Glyph,
    Layout,
    PageSource,
    Rule,
    boxed_line,
    number_line,
    printed,
    sample_digit,
    sample_rule,
    sample_style,
    straight,
)


def sheet_of_lines(source: PageSource, width: int, height: int) -> Layout:
    """Lines of groups of digits; each has its own size and style, and some have printed boxes."""
    random, difficulty = source.random, source.difficulty
    margin, wanted = MARGIN * min(width, height), int(random.integers(*difficulty.digits))
    room = width - 2 * margin
    page_slope = random.uniform(-difficulty.slope, difficulty.slope)
    drift = abs(np.tan(np.radians(page_slope))) * room / 2
    sizes = _line_sizes(source, height - 2 * margin - 2 * drift, room)
    lines: list[tuple[Layout, float]] = []
    for size in sizes:
        left = wanted - sum(len(line.digits) for line, _ in lines)
        if left > 0:
            count = min(left, max(wanted // len(sizes), int(random.integers(5, 26))))
            lines.append((_any_line(source, size, count, room), size))
    layout, top = Layout([], []), margin + drift
    spare = height - margin - drift - top - sum(_pitch(source, size, room) for _, size in lines)
    for number, (line, size) in enumerate(lines):
        slope = float(np.tan(np.radians(page_slope + random.normal(0, difficulty.slope / 12))))
        beyond = max(0.0, room - max(glyph.right for glyph in line.glyphs)) * random.uniform(0, 1) ** 2
        layout.add(line, margin + beyond, top + 1.3 * size - slope * width / 2, slope, number)
        top += _pitch(source, size, room) + random.uniform(0, 1) * spare / len(lines)
    return layout


def _any_line(source: PageSource, size: float, count: int, width: float) -> Layout:
    """At most `count` digits, in groups or in printed boxes, on at most `width` pixels."""
    style = sample_style(source, size)
    if source.happens(source.difficulty.boxed):
        return boxed_line(source, style, min(count, 10), width)
    return number_line(source, style, _group_sizes(source.random, count), width)


def _group_sizes(random: np.random.Generator, total: int) -> list[int]:
    sizes: list[int] = []
    while (left := total - sum(sizes)) > 0:
        sizes.append(min(left, int(random.integers(1, 7))))
    return sizes


def _pitch(source: PageSource, size: float, room: float) -> float:
    """Pixels from a line of digits of this size to the next, with room for the lines' different slopes."""
    spread: float = 2 * np.tan(np.radians(source.difficulty.slope / 12)) * room
    return 1.65 * size + spread


def _line_sizes(source: PageSource, height: float, room: float) -> list[float]:
    """Heights of the digits of lines in pixels, that fill a sheet of this height; none is taller than half of it."""
    random, difficulty = source.random, source.difficulty
    smallest, largest = difficulty.digit_heights
    sizes: list[float] = []
    if source.happens(difficulty.very_tall):
        sizes.append(random.uniform(0.3, 0.5) * height)
    while True:
        left = height - sum(_pitch(source, size, room) for size in sizes)
        size = min(float(np.exp(random.uniform(*np.log((smallest, largest))))), 0.25 * left)
        if size < smallest:
            break
        sizes.append(size)
    random.shuffle(sizes)
    return sizes


def sheet_of_columns(source: PageSource, width: int, height: int) -> Layout:
    """Columns of numbers, aligned at the right: sums, with a rule above the last row, or a ruled table."""
    random, difficulty = source.random, source.difficulty
    margin, columns, rows = MARGIN * min(width, height), int(random.integers(2, 5)), int(random.integers(4, 8))
    across, down = (width - 2 * margin) / columns, (height - 2 * margin) / rows
    smallest, largest = difficulty.digit_heights
    size = max(smallest, min(random.uniform(0.35, 0.6) * down, across / 5.5, largest))
    color, thick = sample_rule(source, size)
    layout, style = Layout([], []), sample_style(source, size)
    for row in range(rows):
        for column in range(columns):
            found = number_line(source, style, [int(random.integers(1, 5))])
            right, down_to = margin + (column + 1) * across - 0.3 * size, margin + row * down + 0.5 * (down + size)
            start = max(right - found.glyphs[-1].right, margin + column * across)
            glyphs = [glyph._replace(group=column) for glyph in found.glyphs]
            layout.add(Layout(glyphs, []), start, down_to, line=row)
    last = margin + (rows - 1) * down
    if source.happens(difficulty.tables):
        layout.rules.extend(lattice(margin, margin, across, down, rows, columns, lambda *_: (thick, color)))
    else:
        for column in range(columns):
            left = margin + column * across
            layout.rules.append(straight((left + 0.1 * across, last), (left + across, last), thick, style.color))
            plus = printed("+", source.font(), size)
            layout.glyphs.append(Glyph(plus, left + 0.05 * across, last - 0.5 * size - plus.shape[0], 1, style.color))
    return layout


def lattice(
    left: float,
    top: float,
    across: float,
    down: float,
    rows: int,
    columns: int,
    look: Callable[[int, int], tuple[float, Color]],
) -> list[Rule]:
    """The rules of a table; `look` gives the width and colour of the rule before row or column i of so many."""
    right, bottom = left + columns * across, top + rows * down
    level = [straight((left, top + row * down), (right, top + row * down), *look(row, rows)) for row in range(rows + 1)]
    upright = [
        straight((left + column * across, top), (left + column * across, bottom), *look(column, columns))
        for column in range(columns + 1)
    ]
    return level + upright


def sheet_of_grid(
    source: PageSource, width: int, height: int, rows: int, columns: int, empty: float
) -> tuple[Layout, np.ndarray]:
    """A ruled grid, thick every third rule if they come out even, and (n,) int: each digit's cell, row by row."""
    random, difficulty = source.random, source.difficulty
    margin = MARGIN * min(width, height)
    side = random.uniform(0.75, 1) * min((width - 2 * margin) / columns, (height - 2 * margin) / rows)
    left = random.uniform(margin, width - margin - side * columns)
    top = random.uniform(margin, height - margin - side * rows)
    color, thin = sample_rule(source, 0.4 * side)
    thick = thin * random.uniform(1.5, 3)
    blocks = rows % 3 == columns % 3 == 0

    def look(rule: int, count: int) -> tuple[float, Color]:
        return (thick if rule in (0, count) or (blocks and rule % 3 == 0) else thin), color

    layout = Layout([], lattice(left, top, side, side, rows, columns, look))
    by_hand = sample_style(source, side)._replace(font=None)
    in_print = sample_style(source, side * random.uniform(0.45, 0.6))._replace(font=source.font())
    cells = np.flatnonzero(random.random(rows * columns) >= empty)
    for cell in cells:
        row, column = divmod(int(cell), columns)
        style = in_print if source.happens(0.4) else by_hand._replace(size=side * random.uniform(0.4, 0.6))
        digit = sample_digit(source, style)._replace(group=column)
        off = random.uniform(-1, 1, 2) * min(difficulty.leaves_box, 0.15) * side
        right, down = left + (column + 0.5) * side - digit.right / 2, top + (row + 0.5) * side + style.size / 2
        layout.add(Layout([digit], []), right + off[0], down + off[1], line=row)
    return layout, cells
