"""What ingest found, on any engine: the lists that it writes next to the pictures, and the lines that it prints."""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from digits import paths
from digits.arrays import Ints
from digits.data import corrections, csv_files, dataset, splits
from digits.params import Ingest


class DroppedPicture(NamedTuple):
    """A row of dropped.csv: a picture, the SHA-256 of its pixels, and a published test picture of its group."""

    path: str
    sha256: str
    test_picture: str


class Ingested(NamedTuple):
    """The pictures in `rows` by split, and in `by_source` by source and split; what was drawn; what corrections did.

    `tally` is that of `splits.tally` before the corrections, `effects` are rows of `corrections.EFFECT_COLUMNS`.
    """

    rows: Mapping[str, int]
    by_source: Mapping[str, Mapping[str, int]]
    tally: Ints
    effects: list[corrections.Effect]


def lists(dropped: Iterable[DroppedPicture], effects: list[corrections.Effect]) -> dict[str, str]:
    """The CSV files next to the pictures, by name: only those that have rows."""
    found = {}
    left_out = list(dropped)
    if left_out:
        found[paths.DROPPED.name] = csv_files.text(DroppedPicture._fields, left_out)
    if effects:
        found[paths.CORRECTION_EFFECTS.name] = csv_files.text(corrections.EFFECT_COLUMNS, effects)
    return found


def report(ingested: Ingested, params: Ingest) -> None:
    """Print the counts by split and source, the shares that were drawn, what was left out and corrected."""
    by_split = ", ".join(f"{count:,} {name}" for name, count in ingested.rows.items())
    print(f"ingested {sum(ingested.rows.values()):,} pictures from {', '.join(params.sources)}: {by_split}")
    dataset.print_sources(ingested.by_source)
    print(format_shares(ingested.tally, params))
    dropped = ingested.tally[:, splits.DROPPED].sum()
    if dropped:
        what = f"dropped {dropped:,} pictures that are, or nearly are, a published test picture"
        print(f"{what}; {paths.DROPPED} lists them")
    if ingested.effects:
        print(corrections.summary(ingested.effects))


def format_shares(tally: Ints, params: Ingest) -> str:
    """The shares of test and validation that were drawn, and those that are expected: of the counts `splits.tally`."""
    free = tally[splits.UNPUBLISHED, [splits.TRAIN, splits.VALIDATION, splits.TEST]].sum()
    drawn = []
    if tests := tally[splits.TEST].sum():
        drawn.append(f"{tests:,} test as published")
    if free:
        of = " of those without a published side" if free < tally.sum() else ""
        share, expected = tally[splits.UNPUBLISHED, splits.TEST] / free, params.test_fraction
        drawn.append(f"{share:.1%}{of} test (ingest.test_fraction: {expected:.1%})")
    validation, train = (tally[:, one].sum() for one in (splits.VALIDATION, splits.TRAIN))
    share, expected = validation / max(1, validation + train), params.validation_fraction
    drawn.append(f"{share:.1%} of the others validation (ingest.validation_fraction: {expected:.1%})")
    return f"drawn by seed {params.seed}: {', '.join(drawn)}"
