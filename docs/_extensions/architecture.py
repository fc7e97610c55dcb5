"""The diagram of the packages as SVG in the page, and the table of the libraries that one package alone imports."""

from itertools import pairwise

from docs._extensions import imports
from docs._extensions.layout import COLUMNS, Pair, Places, placed, routes, rows
from docs._extensions.markdown import ROOT, prose, table

WIDTH, HEIGHT, COLUMN, ROW = 86, 24, 101, 46  # of a box, and from one to the next, in units of the drawing
STYLE = """<style>
.architecture { display: block; width: 100%; max-width: 28rem; margin: auto; font: 11.5px system-ui, sans-serif }
.architecture rect.floor { fill: currentColor; opacity: 0.06 }
.architecture rect.package { fill: var(--color-background-primary, Canvas); stroke: currentColor }
.architecture a { text-decoration: none }
.architecture text { fill: currentColor; text-anchor: middle }
.architecture path { fill: none; stroke: currentColor; opacity: 0.6 }
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
    lines = [(library, f"[{name}]({_page(name, 'md')})", prose(purpose)) for library, (name, purpose) in known]
    return table(("library", "the one package that imports it", "for"), lines)


def diagram() -> str:
    """The floors with a box for each package, and an arrow for each import that does not follow from others."""
    pairs = sorted(imports.edges())
    floors = [rows(floor, pairs) for floor in imports.floors()]
    places = placed([names for floor in floors for names in floor], pairs)
    parts, height = [], 0
    for floor in floors:
        parts.append(_rect("floor", -6, height + 2, COLUMNS * COLUMN + 12, len(floor) * ROW - 4))
        height += len(floor) * ROW
    parts += [*_arrows(pairs, places), *(_box(name, *place) for name, place in places.items())]
    size = f'viewBox="-6 0 {COLUMNS * COLUMN + 12} {height}"'
    label = 'role="group" aria-label="The packages on their floors, and arrows from who imports to what is imported"'
    return "\n".join(
        ["```{raw} html", STYLE, f'<svg class="architecture" {size} {label}>', HEAD, *parts, "</svg>\n```"]
    )


def _arrows(pairs: list[Pair], places: Places) -> list[str]:
    """A curve for each pair; those that start, pass or end at the same place are drawn apart."""
    lanes: dict[tuple[int, float], list[tuple[float, Pair]]] = {}
    found = routes(pairs, places)
    for (a, b), route in found.items():
        for number, column in enumerate(route):
            other = route[1] if number == 0 else route[-2] if number == len(route) - 1 else route[-1]
            end = number == len(route) - 1  # apart from those that start at the same box
            lanes.setdefault((2 * (places[a][1] + number) - end, column), []).append((other, (a, b)))
    paths = []
    for (a, b), route in found.items():
        points = []
        for number, column in enumerate(route):
            inner, end = 0 < number < len(route) - 1, number == len(route) - 1
            lane = [pair for _, pair in sorted(lanes[2 * (places[a][1] + number) - end, column])]
            points.append(_middle(column) + (lane.index((a, b)) - (len(lane) - 1) / 2) * (4 if inner else 14))
        paths.append(_path(points, places[a][1]))
    return paths


def _path(points: list[float], row: int) -> str:
    """A curve through these places, one in each row from this one on; it is vertical next to a box."""
    top = row * ROW + (ROW + HEIGHT) / 2
    parts = [f"M{points[0]:g}"]
    for x, after in pairwise(points):
        bottom = top + ROW - HEIGHT - 1
        middle = (top + bottom) / 2
        parts.append(f" {top:g}C{x:g} {middle:g} {after:g} {middle:g} {after:g} {bottom:g}")
        top = bottom + HEIGHT + 1
        parts.append(f"L{after:g}")
    return f'<path d="{"".join(parts[:-1])}" marker-end="url(#head)"/>'


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
