"""The diagram of the packages as SVG in the page, and the table of the libraries that one package alone imports."""

import math
from itertools import permutations

from docs._extensions import imports
from docs._extensions.markdown import ROOT, prose, table

COLUMNS = 4  # of boxes: as many as a phone shows
WIDTH, HEIGHT, COLUMN, ROW = 88, 24, 97, 46  # of a box, and from one to the next, in units of the drawing
Places = dict[str, tuple[float, int]]  # the column and row of each package

STYLE = """<style>
.architecture { display: block; width: 100%; max-width: 30rem; margin: auto; font: 11px system-ui, sans-serif }
.architecture rect.floor { fill: currentColor; opacity: 0.06 }
.architecture rect.package { fill: var(--color-background-primary, Canvas); stroke: currentColor }
.architecture text { fill: currentColor; text-anchor: middle }
.architecture path { fill: none; stroke: currentColor; opacity: 0.55 }
.architecture marker path { fill: currentColor; stroke: none; opacity: 1 }
</style>"""
HEAD = (
    '<marker id="head" viewBox="0 0 6 6" refX="5" refY="3" markerWidth="6" markerHeight="6" orient="auto">'
    '<path d="M0 0L6 3L0 6z"/></marker>'
)


def tools() -> str:
    """Each library with the package that knows it, from the top floor down."""
    order = [name for floor in imports.floors() for name in floor]
    known = sorted(imports.owners().items(), key=lambda one: (order.index(one[1][0]), one[0]))
    rows = [(library, f"[{name}]({_page(name, 'md')})", prose(purpose)) for library, (name, purpose) in known]
    return table(("library", "the one package that imports it", "for"), rows)


def diagram() -> str:
    """The floors with a box for each package, and an arrow for each import that does not follow from others."""
    pairs = sorted(imports.edges())
    floors = [_rows(floor, pairs) for floor in imports.floors()]
    places = _placed([row for floor in floors for row in floor], pairs)
    parts, top = [HEAD], 0
    for floor in floors:
        parts.append(_rect("floor", 0, top * ROW + 2, COLUMNS * COLUMN, len(floor) * ROW - 4))
        top += len(floor)
    parts += [_arrow(a, b, pairs, places) for a, b in pairs]
    parts += [_box(name, *place) for name, place in places.items()]
    size = f'viewBox="0 0 {COLUMNS * COLUMN} {top * ROW}"'
    label = (
        'role="img" aria-label="The packages of digits on their floors; arrows go from who imports to what is imported"'
    )
    return "\n".join(["```{raw} html", STYLE, f'<svg class="architecture" {size} {label}>', *parts, "</svg>", "```"])


def _rows(floor: list[str], pairs: list[tuple[str, str]]) -> list[list[str]]:
    """A floor in rows: who imports another of the same floor is above it."""
    upper = [name for name in floor if any(a == name and b in floor for a, b in pairs)]
    if upper:
        return [*_rows(upper, pairs), *_rows([name for name in floor if name not in upper], pairs)]
    length = math.ceil(len(floor) / math.ceil(len(floor) / COLUMNS))
    return [floor[start : start + length] for start in range(0, len(floor), length)]


def _placed(rows: list[list[str]], pairs: list[tuple[str, str]]) -> Places:
    """A column for each package, row by row, such that arrows are short and pass few boxes."""
    places: Places = {name: (column, row) for row, names in enumerate(rows) for column, name in enumerate(names)}
    for row, names in [*enumerate(rows)] * 6:
        choices = permutations([half / 2 for half in range(2 * COLUMNS - 1)], len(names))
        apart = [one for one in choices if all(abs(a - b) >= 1 for a, b in permutations(one, 2))]
        options = [places | {name: (column, row) for name, column in zip(names, one, strict=True)} for one in apart]
        places = min(options, key=lambda option: _cost(pairs, option))
    return places


def _cost(pairs: list[tuple[str, str]], places: Places) -> float:
    cost = 0.0
    for a, b in pairs:
        (x, y), (end, bottom) = places[a], places[b]
        cost += abs(end - x)
        for column, row in places.values():
            done = (row - y) / (bottom - y)  # along the curve, which is vertical at both ends
            if 0 < done < 1 and abs(x + (end - x) * (3 - 2 * done) * done**2 - column) < 0.6:
                cost += 10
    return cost


def _arrow(a: str, b: str, pairs: list[tuple[str, str]], places: Places) -> str:
    """A curve from below the box of `a` to above that of `b`, apart from the others of both."""
    ends = sorted((places[other][0], other) for one, other in pairs if one == a)
    starts = sorted((places[one][0], one) for one, other in pairs if other == b)
    x = _middle(places[a][0]) + _offset(ends.index((places[b][0], b)), len(ends))
    end = _middle(places[b][0]) + _offset(starts.index((places[a][0], a)), len(starts))
    y, bottom = places[a][1] * ROW + (ROW + HEIGHT) / 2, places[b][1] * ROW + (ROW - HEIGHT) / 2 - 1
    bend = (bottom - y) / 2
    curve = f"M{x:g} {y:g}C{x:g} {y + bend:g} {end:g} {bottom - bend:g} {end:g} {bottom:g}"
    return f'<path d="{curve}" marker-end="url(#head)"/>'


def _offset(number: int, total: int) -> float:
    return (number - (total - 1) / 2) * min(12, (WIDTH - 12) / total)


def _middle(column: float) -> float:
    return (column + 0.5) * COLUMN


def _box(name: str, column: float, row: int) -> str:
    x, y = _middle(column), row * ROW + (ROW - HEIGHT) / 2
    box = _rect("package", x - WIDTH / 2, y, WIDTH, HEIGHT)
    return f'<a href="{_page(name, "html")}">{box}<text x="{x:g}" y="{y + 16:g}">{name}</text></a>'


def _rect(kind: str, x: float, y: float, width: float, height: float) -> str:
    return f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" rx="4"/>'


def _page(name: str, ending: str) -> str:
    """The address of a package's page of modules, from this page; single modules share one."""
    if (ROOT / "digits" / f"{name}.py").exists():
        return f"python/digits.{ending}#module-digits.{name}" if ending == "html" else "python/digits.md"
    return f"python/{name if name == 'pipeline' else f'digits.{name}'}.{ending}"
