"""The command that reads pictures with many digits with the champion."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from digits.cli.champion import (
    json_option,
    load,
    min_probability_option,
    out_option,
    picture_argument,
    progress,
    start,
)
from digits.errors import UserError, printable

if TYPE_CHECKING:
    from digits.model.classifier import Classifier
    from digits.prediction.inputs import Listing
    from digits.reading import Page
    from digits.reading.results import Result

MAX_STEM = 60  # characters of a picture's name in that of the drawn one: a file's name has at most 255 bytes


def _parse_grid(context: click.Context, parameter: click.Parameter, value: str | None) -> tuple[int, int] | None:
    if value is None:
        return None
    found = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", value)
    if not found:
        raise click.BadParameter(f"{value} is no size; 9x9 is 9 rows and 9 columns, at most 99", context, parameter)
    return int(found[1]), int(found[2])


@click.command()
@picture_argument
@json_option
@out_option
@click.option(
    "--show",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Draw the picture with boxes, green where accepted and amber where refused: a .png file, or a folder of them.",
)
@click.option(
    "--layout",
    type=click.Choice(["page", "line", "grid"]),
    help="Lines in reading order, one line, or the cells of a ruled grid.  [default: page]",
)
@click.option("--grid", metavar="ROWSxCOLUMNS", callback=_parse_grid, help="Read a grid of this size, such as 9x9.")
@min_probability_option
@click.option("--max-pixels", type=click.IntRange(1), help="Average larger pictures down.  [default: 16000000]")
@click.option("--max-digits", type=click.IntRange(1), help="More in a picture are an error.  [default: 1000]")
@click.option("--seconds", type=click.IntRange(1), help="A picture that takes longer is an error.  [default: 20]")
def read(
    picture: tuple[str, ...],
    as_json: bool,
    out: Path | None,
    show: Path | None,
    layout: str | None,
    grid: tuple[int, int] | None,
    min_probability: float,
    **limits: int | None,
) -> None:
    """Print the lines of digits in each PICTURE: any number of digits in a PNG, JPEG, HEIC, … of any size.

    PICTURE is a file, a folder (all pictures in it and below), a glob pattern, a Parquet file with a column `image` or
    `bytes`, or `-` for standard input: one picture, or a list of files, one a line.

    A digit that is too improbable is refused: it is printed as ?. What looks like no digit is left out; --json, --out
    and --show have it with the reason. With --layout grid an empty cell is printed as a dot. A picture that can't be
    read has its error in its row, and the exit status is then 1.

    \b
    Examples:
      digits read letter.jpg --show letter.png
      digits read meters --layout line --out meters.csv
      digits read sudoku.jpg --grid 9x9
      find . -name '*.heic' | digits read - --json
    """
    if as_json and out:
        raise click.UsageError("--json prints the digits, and --out writes them to a file: give one of the two")
    if grid and layout not in (None, "grid"):
        raise click.UsageError(f"--grid is the size of a grid, and --layout {layout} reads none: give one of the two")
    champion = start()
    from digits.prediction import files
    from digits.prediction.inputs import Listing
    from digits.reading import Limits, results

    if out:
        files.check(out, results.WRITERS)
    file = show if show and show.suffix and not show.is_dir() else None
    if file:
        files.check(file, [".png"])
    listing = Listing(picture, [path for path in (out, show) if path])
    if file and listing.count > 1:
        raise UserError(f"{printable(file)}: {listing.count:,} pictures can't be drawn in one file; name a folder")
    if show and not file:
        _check_folder(show, picture)
    options: dict[str, Any] = {
        "layout": "grid" if grid else layout or "page",
        "grid": grid,
        "min_probability": min_probability,
        "limits": Limits(**{name: limit for name, limit in limits.items() if limit is not None}),
    }
    counts: Counter[str] = Counter()
    found = _read(listing, load(champion, min_probability), options, counts, show, is_folder=not file)
    found = (
        one for (one,) in progress(([one] for one in found), listing.count, hidden=not out and sys.stdout.isatty())
    )
    if out:
        results.write(out, found)
        print(
            f"{listing.count:,} pictures, {counts['failed']:,} failed; digits: {counts['accepted']:,} accepted, "
            f"{counts['refused']:,} refused; see {printable(out)}"
        )
    else:
        for one in found:
            print(results.as_json(one) if as_json else _as_text(one, options["layout"] == "grid"))
    if counts["failed"]:
        raise UserError(f"{counts['failed']:,} of {listing.count:,} pictures can't be read: see their rows")


def _check_folder(show: Path, arguments: tuple[str, ...]) -> None:
    """Raise UserError where what is drawn in this folder could replace a picture, or be read by the same command."""
    folder = show.resolve()
    for path in (Path(argument).resolve() for argument in arguments):
        if folder == path.parent or folder.is_relative_to(path):
            raise UserError(f"{printable(show)} lies where pictures are read; name another folder to draw in")


def _read(
    listing: "Listing",
    classifier: "Classifier",
    options: dict[str, Any],
    counts: Counter[str],
    show: Path | None,
    is_folder: bool,
) -> Iterator["Result"]:
    """Read and draw one picture after the other, and count digits `accepted` and `refused`, and pictures `failed`."""
    from digits.reading import results

    for number, (name, content) in enumerate(listing, 1):
        one = results.result(name, content, classifier, **options)
        if one.page is None:
            counts["failed"] += 1
        else:
            counts.update("accepted" if digit.accepted else "refused" for digit in one.page.digits)
            if show:
                _draw(content, one.page, show / f"{number}-{Path(name).stem[:MAX_STEM]}.png" if is_folder else show)
        yield one


def _draw(content: Any, page: "Page", path: Path) -> None:
    from digits.files import atomic_write
    from digits.reading.annotation import annotated
    from digits.reading.results import encoded

    with atomic_write(path) as temporary:
        temporary.write_bytes(annotated(encoded(content), page))


def _as_text(one: "Result", wants_grid: bool) -> str:
    name = printable(one.path)
    if one.page is None:
        return f"{name}  error: {one.error}"
    missing = "no grid found; " if wants_grid and one.page.grid is None else ""
    lines = one.page.lines if one.page.grid is None else map(" ".join, one.page.lines)
    return "\n  ".join([f"{name}  {missing}{_summary(one.page)}", *lines])


def _summary(page: "Page") -> str:
    accepted = sum(digit.accepted for digit in page.digits)
    refused = len(page.digits) - accepted
    if not page.digits:
        return "no digit found"
    return f"{f'digits: {accepted:,}' if accepted else 'no digit'} accepted, {refused:,} refused"
