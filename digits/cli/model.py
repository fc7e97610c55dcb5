"""The command that classifies pictures with the champion."""

import json
import sys
from collections.abc import Iterator
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digits import errors, ignored, report_ignored
from digits.errors import UserError, printable

if TYPE_CHECKING:
    from digits.prediction.batches import Prediction
    from digits.prediction.inputs import Listing
    from digits.processes import Background
    from digits.tracking.registry import Version

MAX_SHOWN = 100  # pictures of a contact sheet
PROGRESS_AFTER = 2  # seconds


@click.command()
@click.argument("picture", nargs=-1, required=True)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture, each on a line.")
@click.option("--out", metavar="FILE", type=click.Path(path_type=Path), help="Write a .csv, .jsonl or .parquet file.")
@click.option(
    "--show",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"Draw a .png file: the first {MAX_SHOWN} pictures, their canonical digits and answers.",
)
def predict(picture: tuple[str, ...], as_json: bool, out: Path | None, show: Path | None) -> None:
    """Print the predicted label and all probabilities of each PICTURE: one digit in a PNG, JPEG, HEIC, … of any size.

    PICTURE is a file, a folder (all pictures in it and below), a glob pattern, a Parquet file with a column `image` or
    `bytes`, or `-` for standard input: one picture, or a list of files, one a line.

    A picture that can't be read has its error in its row, and the exit status is then 1. A run with --out that was
    interrupted goes on where it stopped when the same command is given again.

    \b
    Examples:
      digits predict seven.png photos/*.jpg
      digits predict scans --out scans.csv --show scans.png
      digits predict data/raw/test.parquet --out test.jsonl
      find . -name '*.heic' | digits predict - --json
    """
    if as_json and out:
        raise click.UsageError("--json prints the predictions, and --out writes them to a file: give one of the two")
    if ignored:  # reported here, since the other process gets an environment without them
        from digits.addresses import redact

        report_ignored("MLFLOW_", redact)
    from digits.processes import Background

    champion = Background(_checked_champion)  # MLflow's import takes longer than all else that a few pictures need
    from digits.prediction import files
    from digits.prediction.inputs import Listing

    if out:
        files.check(out, files.WRITERS)
    if show:
        files.check(show, [".png"])
    listing = Listing(picture, [path for path in (out, show) if path])
    first, failed = _write(listing, champion, out) if out else _print(listing, champion, as_json)
    if show:
        _draw(listing, first, show)
    if failed:
        raise UserError(f"{failed:,} of {listing.count:,} pictures can't be read: see their rows")


def _checked_champion() -> tuple["Version", Path]:
    """The champion, and its ONNX file after all checks."""
    from digits.tracking import registry, version_checks

    version = registry.resolve_alias(registry.CHAMPION_URI)
    return version, version_checks.checked_file(version)


def _print(listing: "Listing", champion: "Background", as_json: bool) -> tuple[list["Prediction"], int]:
    """Print each picture's row; returns the first predictions, and how many are errors."""
    from digits.prediction import batches

    first: list[Prediction] = []
    failed = 0
    classified = _classified(batches.decode_batches(listing, champion.done), champion)
    for batch in _progress(classified, listing.count, hidden=sys.stdout.isatty()):
        for prediction in batch:
            print(_as_json(prediction) if as_json else _as_text(prediction))
            failed += prediction.error is not None
        first += batch[: MAX_SHOWN - len(first)]
    return first, failed


def _write(listing: "Listing", champion: "Background", out: Path) -> tuple[list["Prediction"], int]:
    """Write all rows to a file, after those that an interrupted run has left; returns the same as `_print`."""
    from digits.files import digest
    from digits.prediction import batches, files

    # Where there is no log nothing is skipped, so that the first pictures need not wait for the champion.
    ahead = None if files.log_path(out).exists() else batches.decode_batches(listing, champion.done)
    origin = {"champion": digest(champion.result()[1], "sha256"), "pictures": listing.digest}
    log = files.PredictionLog(out, origin)
    if log.changed:
        changed = " and ".join(log.changed)
        print(f"{printable(out)}: the {changed} changed since the interrupted run: starting afresh", file=sys.stderr)
    if log.pictures:
        print(f"{printable(out)}: going on after {log.pictures:,} pictures of an interrupted run", file=sys.stderr)
    decoded = ahead or batches.decode_batches(listing, champion.done, log.batches)
    try:
        for batch in _progress(_classified(decoded, champion), listing.count, log.pictures):
            log.append(batch)
    except KeyboardInterrupt:
        raise errors.Interrupted("interrupted: the same command goes on where it stopped") from None
    failed = files.write(out, log.predictions())
    first = list(islice(log.predictions(), MAX_SHOWN))
    log.remove()
    print(f"{listing.count:,} pictures: {listing.count - failed:,} read, {failed:,} failed; see {printable(out)}")
    return first, failed


def _classified(decoded: Iterator, champion: "Background") -> Iterator[list["Prediction"]]:
    from digits.prediction import batches
    from digits.tracking import version_checks

    classifier = cache(lambda: version_checks.load_checked(*champion.result()))
    return (batches.classify(batch, classifier) for batch in decoded)


def _progress(
    batches: Iterator[list["Prediction"]], total: int, done: int = 0, hidden: bool = False
) -> Iterator[list["Prediction"]]:
    """The batches, with a progress bar on standard error if that is a terminal and they take long."""
    from tqdm import tqdm

    with tqdm(
        total=total, initial=done, unit=" pictures", disable=hidden or None, delay=PROGRESS_AFTER, leave=False
    ) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


def _draw(listing: "Listing", predictions: list["Prediction"], path: Path) -> None:
    from digits.prediction.batches import decode
    from digits.visualization import contact_sheet

    cells = []
    for (name, content), prediction in zip(listing, predictions, strict=False):
        decoded, error = decode(content), prediction.error
        answer = "no digit" if error else f"is {prediction.label}  ({prediction.probability:.1%})"
        cells.append(contact_sheet.Cell(name, decoded.pixels, decoded.digit, answer, error))
    contact_sheet.write(cells, listing.count, path)


def _as_json(prediction: "Prediction") -> str:
    row = {"picture": prediction.path, "label": prediction.label, "probabilities": prediction.probabilities}
    return json.dumps({"picture": prediction.path, "error": prediction.error} if prediction.error is not None else row)


def _as_text(prediction: "Prediction") -> str:
    name = printable(prediction.path)
    if prediction.error is not None:
        return f"{name}  error: {prediction.error}"
    others = "  ".join(f"{label}: {share:.1%}" for label, share in enumerate(prediction.probabilities or ()))
    return f"{name}  is {prediction.label}  ({prediction.probability:.1%})\n  {others}"
