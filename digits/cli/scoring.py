"""Scoring by Spark, for `digits predict --engine spark`."""

import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from digits import errors
from digits.cli.champion import Champion, load
from digits.errors import printable

if TYPE_CHECKING:
    from digits.params import Spark
    from digits.prediction.inputs import Listing
    from digits.prediction.parts import Part
    from digits.processes import Background


def write_parts(listing: "Listing", champion: "Background[Champion]", min_probability: float, out: Path) -> int:
    """Write the predictions to a folder, a file for each part, after those that an interrupted run has left.

    Returns how many pictures can't be read.
    """
    from digits import params
    from digits.data import shards
    from digits.data.shards import Destination
    from digits.prediction import files, parts

    spark = params.load().spark
    _, model = champion.result()
    load(champion, min_probability)  # for its checks and reports: the executors load the file themselves
    divided = parts.divide(listing, spark.pictures_per_shard)
    origin = {
        **files.origin(model, listing.digest, min_probability),
        "spark.pictures_per_shard": spark.pictures_per_shard,
    }
    with closing(parts.PartFiles(out, origin, len(divided))) as written:
        report_changed(out, written.changed)
        if kept := len(divided) - len(written.missing):
            complete = f"{kept:,} of {len(divided):,} parts are complete from an earlier run"
            print(f"{printable(out)}: {complete}", file=sys.stderr)
        if written.missing:
            _score(spark, [divided[number] for number in written.missing], model, min_probability, out)
        if not divided:
            shards.finish(Destination(out), [], files.SCHEMA)
    return report_counts(out, parts.count(out))


def report_changed(out: Path, changed: list[str]) -> None:
    """Report why an earlier run's predictions are not kept."""
    if changed:
        what = " and ".join(changed)
        print(f"{printable(out)}: the {what} changed since the earlier run: starting afresh", file=sys.stderr)


def report_counts(out: Path, counts: Counter[str]) -> int:
    """Print how many predictions were written; returns how many pictures can't be read."""
    counted = ", ".join(f"{counts[name]:,} {name}" for name in ("read", "refused", "failed"))
    print(f"{counts.total():,} pictures: {counted}; see {printable(out)}")
    return counts["failed"]


def _score(params: "Spark", missing: "list[Part]", model: Path, min_probability: float, out: Path) -> None:
    from digits.spark import scoring
    from digits.spark.session import session

    try:
        with session(params) as spark:
            scoring.score(spark, missing, model, min_probability, out)
    except KeyboardInterrupt:
        raise errors.Interrupted("interrupted: the same command goes on with the parts that are missing") from None
