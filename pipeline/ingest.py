"""Ingest: read the pictures of the sources that params.yaml names, unchanged, and assign each its split by its content.

Reads   the sources: one or several of mnist-5k, mnist and folder (digits/data/sources.py), and where there is one
        data/external/corrections.csv: which labels people corrected, and which pictures they dropped
Writes  data/raw/train.parquet, validation.parquet and test.parquet; data/raw/dropped.csv where another
        picture is left out because it is a published test picture, or nearly is; data/raw/corrections.csv
        where there are corrections: what each did
"""

import os

import numpy as np
import pandas as pd
from tqdm import tqdm

from digits import paths
from digits.data import corrections, csv_files, dataset, near_duplicates, sources, splits
from digits.data.corrections import Correction
from digits.data.staging import Fingerprints, Staging, staging
from digits.errors import UserError, printable, run
from digits.params import Ingest, load


def read_source(staged: Staging, params: Ingest) -> Fingerprints:
    """Stage all pictures of the sources. Raises UserError where one has none."""
    try:
        return staged.fill(tqdm(sources.source_pictures(params), desc="ingest", unit=" pictures", disable=None))
    except UserError as error:
        if "DVC_STAGE" not in os.environ:
            raise
        # DVC removes a stage's outputs before it runs the stage.
        raise UserError(f"{error}\nwhere data was ingested before, `dvc checkout ingest` restores it") from None


def list_dropped(staged: Staging, prints: Fingerprints, groups: np.ndarray, split: np.ndarray) -> str:
    """CSV of the pictures that are left out, each with a published test picture of its group; empty without any."""
    dropped, tests = np.flatnonzero(split == splits.DROPPED), np.flatnonzero(prints.published == splits.TEST)
    if not len(dropped):
        return ""
    names = pd.Series(staged.paths()).map(printable)
    twin = pd.Series(names[tests].to_numpy(), index=groups[tests]).groupby(level=0).first()
    digests = [bytes(digest).ljust(32, b"\0").hex() for digest in prints.digests[dropped]]
    columns = {"path": names[dropped], "sha256": digests, "test_picture": twin.reindex(groups[dropped]).to_numpy()}
    return pd.DataFrame(columns).to_csv(index=False)


def correct(
    given: dict[str, Correction], staged: Staging, prints: Fingerprints, split: np.ndarray, labels: np.ndarray
) -> list[tuple]:
    """Apply the corrections to (n,) `split` and `labels` in place; returns `corrections.effects`."""
    found = [one for one in corrections.match(given, prints.digests, labels) if split[one.row] != splits.DROPPED]
    effects = corrections.effects(given, found, staged.paths() if found else [], np.array(dataset.SPLITS)[split])
    for one in found:
        if one.effect == corrections.CORRECTED:
            labels[one.row] = int(one.correction.new)
        elif one.effect == corrections.DROPPED:
            split[one.row] = splits.DROPPED
    return effects


def format_shares(published: np.ndarray, split: np.ndarray, params: Ingest) -> str:
    """The shares of test and validation that were drawn, and those that are expected, of n pictures, some dropped."""
    free = split[(published == splits.UNPUBLISHED) & (split != splits.DROPPED)]
    drawn = []
    if (published == splits.TEST).any():
        drawn.append(f"{(published == splits.TEST).sum():,} test as published")
    if len(free):
        of = " of those without a published side" if len(free) < len(split) else ""
        share, expected = (free == splits.TEST).mean(), params.test_fraction
        drawn.append(f"{share:.1%}{of} test (ingest.test_fraction: {expected:.1%})")
    validation, train = ((split == one).sum() for one in (splits.VALIDATION, splits.TRAIN))
    share, expected = validation / max(1, validation + train), params.validation_fraction
    drawn.append(f"{share:.1%} of the others validation (ingest.validation_fraction: {expected:.1%})")
    return f"drawn by seed {params.seed}: {', '.join(drawn)}"


def main() -> None:
    params, given = load().ingest, corrections.read()
    with staging() as staged:
        prints = read_source(staged, params)
        groups = near_duplicates.group(prints.thumbnails, params.near_duplicate_distance)
        groups = near_duplicates.join_equal(groups, prints.digests)
        split = splits.assign(prints.digests, prints.published, groups, params)
        dropped = list_dropped(staged, prints, groups, split)
        kept, labels = split.copy(), staged.labels()
        effects = correct(given, staged, prints, kept, labels)
        listed = csv_files.text(corrections.EFFECT_COLUMNS, effects) if effects else ""
        lists = {paths.DROPPED.name: dropped, paths.CORRECTION_EFFECTS.name: listed}
        texts = {name: text for name, text in lists.items() if text}
        rows = dataset.write_raw(staged.examples(prints.digests, kept, labels), splits.rule(params), texts=texts)
    by_split = ", ".join(f"{count:,} {name}" for name, count in rows.items())
    print(f"ingested {sum(rows.values()):,} pictures from {', '.join(params.sources)}: {by_split}")
    dataset.print_sources(paths.RAW)
    print(format_shares(prints.published, split, params))
    if dropped:
        print(
            f"dropped {(split == splits.DROPPED).sum():,} pictures that are, or nearly are, a published test picture; "
            f"{paths.DROPPED} lists them"
        )
    if effects:
        print(corrections.summary(effects))


if __name__ == "__main__":
    run(main)
