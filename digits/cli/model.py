"""The command that classifies pictures with the champion."""

import json
import sys
from collections.abc import Callable
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digits import errors
from digits.cli import scoring
from digits.cli.champion import json_option, load, min_probability_option, out_option, picture_argument, progress, start
from digits.errors import UserError, printable

if TYPE_CHECKING:
    from digits.cli.champion import Champion
    from digits.model.classifier import Classifier
    from digits.prediction.batches import Prediction
    from digits.prediction.inputs import Listing
    from digits.processes import Background

MAX_SHOWN = 100  # pictures of a contact sheet


@click.command()
@picture_argument
@json_option
@out_option
@click.option(
    "--show",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help=f"Draw a .png file: the first {MAX_SHOWN} pictures, their canonical digits, saliency and answers.",
)
@min_probability_option
@click.option(
    "--engine",
    type=click.Choice(["pandas", "spark"]),
    default="pandas",
    show_default=True,
    help="pandas: in this process. spark: in parallel, by the section spark of params.yaml; --out is then a folder, "
    "and it needs `make spark` and Java 17.",
)
def predict(
    picture: tuple[str, ...], as_json: bool, out: Path | None, show: Path | None, min_probability: float, engine: str
) -> None:
    """Print the predicted label and all probabilities of each PICTURE: one digit in a PNG, JPEG, HEIC, … of any size.

    PICTURE is a file, a folder (all pictures in it and below), a glob pattern, a Parquet file with a column `image` or
    `bytes`, or `-` for standard input: one picture, or a list of files, one a line.

    What is no digit, or not clear enough, is refused: its row has the reason and the best guess. A picture that can't
    be read has its error in its row, and the exit status is then 1. A run with --out that was interrupted goes on where
    it stopped when the same command is given again. With --engine spark the folder --out gets a Parquet file for each
    part of the pictures, and the parts that are complete are kept.

    \b
    Examples:
      digits predict seven.png photos/*.jpg
      digits predict scans --out scans.csv --show scans.png --min-probability 0.99
      digits predict data/raw/test.parquet --out test.jsonl
      digits predict data/raw/test.parquet --engine spark --out predictions
      find . -name '*.heic' | digits predict - --json
    """
    if as_json and out:
        raise click.UsageError("--json prints the predictions, and --out writes them to a file: give one of the two")
    if engine == "spark":
        _check_spark(picture, as_json, out, show)
    champion = start()
    from digits.prediction import files
    from digits.prediction.inputs import Listing

    if out and engine == "pandas":
        files.check(out, files.WRITERS)
    if show:
        files.check(show, [".png"])
    listing = Listing(picture, [path for path in (out, show) if path])
    classifier = cache(lambda: load(champion, min_probability))
    first: list[Prediction] = []
    if out and engine == "spark":
        failed = scoring.write_parts(listing, champion, min_probability, out)
    elif out:
        first, failed = _write(listing, champion, classifier, min_probability, out)
    else:
        first, failed = _print(listing, champion, classifier, min_probability, as_json)
    if show:
        _draw(listing, first, classifier, show)
    if failed:
        raise UserError(f"{failed:,} of {listing.count:,} pictures can't be read: see their rows")


def _check_spark(picture: tuple[str, ...], as_json: bool, out: Path | None, show: Path | None) -> None:
    from digits.prediction.inputs import STDIN

    if out is None:
        raise click.UsageError("--engine spark writes files: give a folder with --out")
    if ":/" in str(out):  # a path has no second slash after the protocol of an address
        raise click.UsageError("--out is a folder that all machines share, no address")
    if as_json or show or STDIN in picture:
        raise click.UsageError(
            "--engine spark takes no --json, --show or standard input: leave them out, or --engine spark"
        )


def _print(
    listing: "Listing",
    champion: "Background[Champion]",
    classifier: Callable[[], "Classifier"],
    min_probability: float,
    as_json: bool,
) -> tuple[list["Prediction"], int]:
    """Print each picture's row; returns the first predictions, and how many are errors."""
    from digits.prediction import batches

    first: list[Prediction] = []
    failed = 0
    decoded = batches.decode_batches(listing, champion.done)
    classified = (batches.classify(batch, classifier, min_probability) for batch in decoded)
    for batch in progress(classified, listing.count, hidden=sys.stdout.isatty()):
        for prediction in batch:
            print(_as_json(prediction) if as_json else _as_text(prediction))
            failed += prediction.error is not None
        first += batch[: MAX_SHOWN - len(first)]
    return first, failed


def _write(
    listing: "Listing",
    champion: "Background[Champion]",
    classifier: Callable[[], "Classifier"],
    min_probability: float,
    out: Path,
) -> tuple[list["Prediction"], int]:
    """Write all rows to a file, after those that an interrupted run has left; returns the same as `_print`."""
    from digits.prediction import batches, files

    # Where there is no log nothing is skipped, so that the first pictures need not wait for the champion.
    ahead = None if files.log_path(out).exists() else batches.decode_batches(listing, champion.done)
    log = files.PredictionLog(out, files.origin(champion.result()[1], listing.digest, min_probability))
    scoring.report_changed(out, log.changed)
    if log.pictures:
        print(f"{printable(out)}: going on after {log.pictures:,} pictures of an interrupted run", file=sys.stderr)
    decoded = ahead or batches.decode_batches(listing, champion.done, log.batches)
    classified = (batches.classify(batch, classifier, min_probability) for batch in decoded)
    try:
        for batch in progress(classified, listing.count, log.pictures):
            log.append(batch)
    except KeyboardInterrupt:
        raise errors.Interrupted("interrupted: the same command goes on where it stopped") from None
    counts = files.write(out, log.predictions())
    first = list(islice(log.predictions(), MAX_SHOWN))
    log.remove()
    return first, scoring.report_counts(out, counts)


def _draw(
    listing: "Listing", predictions: list["Prediction"], classifier: Callable[[], "Classifier"], path: Path
) -> None:
    from digits.model.saliency import occlusion
    from digits.prediction.batches import decode
    from digits.visualization import contact_sheet

    cells = []
    for (name, content), prediction in zip(listing, predictions, strict=False):
        (pixels, digit, *_), label = decode(content), prediction.label
        answer, note = _short(prediction), prediction.error or prediction.reason
        saliency = None if digit is None or label is None else occlusion(classifier(), digit[None], [label])[0]
        cells.append(contact_sheet.Cell(name, pixels, digit, saliency, answer, prediction.accepted, note))
    contact_sheet.write(cells, listing.count, path)


def _as_json(prediction: "Prediction") -> str:
    names = ("label", "accepted", "reason", "probabilities") if prediction.error is None else ("error",)
    return json.dumps({"picture": prediction.path, **{name: getattr(prediction, name) for name in names}})


def _as_text(prediction: "Prediction") -> str:
    name = printable(prediction.path)
    if prediction.error is not None:
        return f"{name}  error: {prediction.error}"
    lines = [f"{name}  {_short(prediction)}", prediction.reason]
    if prediction.probabilities is not None:
        lines.append("  ".join(f"{label}: {share:.1%}" for label, share in enumerate(prediction.probabilities)))
    return "\n  ".join(filter(None, lines))


def _short(prediction: "Prediction") -> str:
    """The answer in a few words."""
    if prediction.error is not None:
        return "error"
    if prediction.accepted:
        return f"is {prediction.label}  ({prediction.probability:.1%})"
    if prediction.label is None:
        return "refused"
    return f"refused, guess {prediction.label} ({prediction.probability:.1%})"
