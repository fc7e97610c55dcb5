"""Scoring by Spark, for `digits predict --engine spark`."""

import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from digits import errors
from digits.cli.champion import load
from digits.errors import printable

if TYPE_CHECKING:
    from digits.params import Spark
    from digits.prediction.inputs import Listing
    from digits.processes import Background


def write_parts(listing: "Listing", champion: "Background", min_probability: float, out: Path) -> int:
    """Write the predictions to a folder, a file for each part, after those that an interrupted run has left.

    Returns how many pictures can't be read.
    """
    from digits.data import shards
    from digits.data.shards import Destination
    from digits.files import digest
    from digits.prediction import files, parts

    params = _params()
    _, model = champion.result()
    load(champion, min_probability)
    divided = parts.divide(listing, params.pictures_per_shard)
    origin = {
        "champion": digest(model, "sha256"),
        "pictures": listing.digest,
        "--min-probability": min_probability,
        "spark.pictures_per_shard": params.pictures_per_shard,
    }
    with closing(parts.PartFiles(out, origin, len(divided))) as written:
        if written.changed:
            changed = " and ".join(written.changed)
            print(f"{printable(out)}: the {changed} changed since the earlier run: starting afresh", file=sys.stderr)
        if kept := len(divided) - len(written.missing):
            complete = f"{kept:,} of {len(divided):,} parts are complete from an earlier run"
            print(f"{printable(out)}: {complete}", file=sys.stderr)
        if written.missing:
            _score(params, [divided[number] for number in written.missing], model, min_probability, out)
        if not divided:
            shards.finish(Destination(out), [], files.SCHEMA)
    counts = parts.count(out)
    counted = ", ".join(f"{counts[name]:,} {name}" for name in ("read", "refused", "failed"))
    print(f"{listing.count:,} pictures: {counted}; see {printable(out)}")
    return counts["failed"]


def _score(params: "Spark", missing: list, model: Path, min_probability: float, out: Path) -> None:
    from digits.spark import scoring
    from digits.spark.session import session

    try:
        with session(params) as spark:
            scoring.score(spark, missing, model, min_probability, out)
    except KeyboardInterrupt:
        raise errors.Interrupted("interrupted: the same command goes on with the parts that are missing") from None


def _params() -> "Spark":
    """The section `spark` of params.yaml."""
    from digits import params

    return params.load().spark
