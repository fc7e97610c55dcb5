"""The champion for the commands that answer with it: checked, loaded, and what is certified of its answers."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from digits import ignored, report_ignored

if TYPE_CHECKING:
    from digits.model.classifier import Classifier
    from digits.processes import Background
    from digits.tracking.registry import Version

PROGRESS_AFTER = 2  # seconds
Answer = TypeVar("Answer")
Champion = tuple["Version", Path]  # with its file


def _check_share(context: click.Context, parameter: click.Parameter, value: float) -> float:
    if not 0 <= value <= 1:  # click's own range accepts nan
        raise click.BadParameter(f"{value} is not in the range 0 to 1; 0.9 is 90 %", context, parameter)
    return value


picture_argument = click.argument("picture", nargs=-1, required=True)
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object per picture, each on a line.")
out_option = click.option(
    "--out", metavar="FILE", type=click.Path(path_type=Path), help="Write a .csv, .jsonl or .parquet file."
)
min_probability_option = click.option(
    "--min-probability",
    metavar="SHARE",
    type=float,
    default=0.0,
    callback=_check_share,
    help="Refuse what is less probable, 0 to 1, too: a value below the model's own changes nothing.",
)


def start() -> "Background[Champion]":
    """Get and check the champion in another process: MLflow's import takes longer than all else of a few pictures."""
    if ignored:  # reported here, since the other process gets an environment without them
        from digits.addresses import redact

        report_ignored("MLFLOW_", redact)
    from digits.processes import Background

    return Background(_checked_champion)


def load(champion: "Background[Champion]", min_probability: float) -> "Classifier":
    """The champion's classifier; what is certified of its answers, and an option without effect, are reported."""
    from digits.tracking import certificate, version_checks

    version, path = champion.result()
    classifier = version_checks.load_checked(version, path)
    if classifier.acceptance is None:
        print(
            f"version {version.number} refuses nothing by itself: an earlier version of this project trained "
            "it; `dvc repro` trains one that does",
            file=sys.stderr,
        )
        return classifier
    if 0 < min_probability < classifier.acceptance.min_probability:
        print(
            f"--min-probability {min_probability} changes nothing: version {version.number} refuses what is below "
            f"{classifier.acceptance.min_probability} itself",
            file=sys.stderr,
        )
    print(f"certificate of version {version.number}: {certificate.state(version)}", file=sys.stderr)
    return classifier


def progress(
    batches: Iterator[list[Answer]], total: int, done: int = 0, hidden: bool = False
) -> Iterator[list[Answer]]:
    """The batches, with a progress bar on standard error if that is a terminal and they take long."""
    from tqdm import tqdm

    with tqdm(
        total=total, initial=done, unit=" pictures", disable=hidden or None, delay=PROGRESS_AFTER, leave=False
    ) as bar:
        for batch in batches:
            yield batch
            bar.update(len(batch))


def _checked_champion() -> Champion:
    """The champion, and its ONNX file after all checks."""
    from digits.tracking import registry, version_checks

    version = registry.resolve_alias(registry.CHAMPION_URI)
    return version, version_checks.checked_file(version)
