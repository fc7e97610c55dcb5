"""The difference between two versions of the data: added, removed and relabelled pictures, counts, and drift."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from digits import paths
from digits.data import dataset, past_tables, pictures, raw_tables, shards
from digits.data.dataset import LABELS
from digits.data.raw_tables import Example
from digits.data.statistics import ROW_COLUMNS
from digits.errors import UserError, printable
from digits.params import flatten
from digits.validation import drift
from digits.validation.table import PandasTable
from digits.vcs import dvc_files, revisions
from digits.visualization import pages

STATISTICS_0_1 = "data/measurements.parquet"  # where version 0.1 kept the statistics
COLUMNS = [*ROW_COLUMNS, "picture", *(name for name in drift.PROFILE_COLUMNS if name != "label")]
UNKNOWN = "unknown"
MAX_PRINTED_PICTURES = 10  # of each kind of change
MAX_PAGE_PICTURES = 60  # likewise
MIN_PRINTED_DRIFT = 0.01  # of the stability index
PICTURE_SIZE = 96  # pixels: of a picture on the page


class Difference(NamedTuple):
    """`added`, `removed` and `relabelled` are rows of the tables, `relabelled` with `label_before`.

    `reassigned` is the number of pictures in another split, `counts` the pictures of each label before and after,
    `drift` the drift scores of train and validation, and `chance` what `drift.chances` gives for them.
    """

    added: pd.DataFrame
    removed: pd.DataFrame
    relabelled: pd.DataFrame
    reassigned: int
    unchanged: int
    counts: pd.DataFrame
    drift: dict[str, float]
    chance: dict[str, float]

    def __str__(self) -> str:
        changes = {name: len(getattr(self, name)) for name in ("added", "removed", "relabelled")}
        changes |= {"in another split": self.reassigned, "unchanged": self.unchanged}
        return ", ".join(f"{count:,} {name}" for name, count in changes.items())


class Version(NamedTuple):
    """The statistics of a revision's pictures, one row each, and what assigned their splits, as text or unknown."""

    table: pd.DataFrame
    split_rule: str


def read_version(revision: str | None) -> Version:
    """Read a revision (None: the working tree).

    Raises UserError where it has no statistics, or is of version 0.1, whose statistics have other names.
    """
    try:
        read = shards.read(past_tables.at_revision(paths.STATISTICS, revision), COLUMNS)
    except UserError:
        if revision and STATISTICS_0_1 in (revisions.read_text(paths.DVC_LOCK, revision) or ""):
            raise UserError(
                f"{revision[:12]} is a revision of version 0.1, which kept {STATISTICS_0_1}; it can't be compared with "
                f"{paths.STATISTICS} of version 0.2: choose a later revision"
            ) from None
        raise
    table = read.to_pandas()
    # A picture that can't be decoded has no hash: its path identifies it.
    table = table.assign(picture=table["picture"].fillna("unreadable " + table["path"].astype(str)))
    return Version(table, _split_rule(dataset.decode_rule(read.schema), revision))


def format_split_change(before: Version, after: Version) -> str:
    """A sentence on what assigned the splits, empty where that is known to be the same."""
    if before.split_rule == after.split_rule != UNKNOWN:
        return ""
    return f"what assigns the splits: before {before.split_rule}; after {after.split_rule}"


def compare(before: pd.DataFrame, after: pd.DataFrame) -> Difference:
    """Compare two tables. Pixel values identify a picture: a renamed file is no change, an edited one is two."""
    before, after = (one.assign(copy=one.groupby(["picture", "label"]).cumcount()) for one in (before, after))
    key = ["picture", "label", "copy"]
    both = before[[*key, "split"]].merge(after[[*key, "split"]], on=key, suffixes=("_before", "_after"))
    # Of the pictures left on both sides, equal ones have another label.
    removed, added = (
        rest.assign(copy=rest.groupby("picture").cumcount())
        for rest in (_without(one, both[key]) for one in (before, after))
    )
    relabelled = added.merge(removed[["picture", "copy", "label"]], on=["picture", "copy"], suffixes=("", "_before"))
    counts = pd.DataFrame({"before": before["label"].value_counts(), "after": after["label"].value_counts()})
    counts = counts.reindex(sorted({*LABELS, *counts.index}), fill_value=0).fillna(0).astype(int)
    seen_before, seen_after = (PandasTable(one).seen() for one in (before, after))
    statistics = before.columns.intersection(after.columns)  # one may have been added or removed in between
    pairs = drift.pairs(seen_after, drift.profile(seen_before, statistics))
    return Difference(
        added=_without(added, relabelled[["picture", "copy"]]),
        removed=_without(removed, relabelled[["picture", "copy"]]),
        relabelled=relabelled,
        reassigned=int((both["split_before"] != both["split_after"]).sum()),
        unchanged=int((both["split_before"] == both["split_after"]).sum()),
        counts=counts.assign(change=counts["after"] - counts["before"]),
        drift=drift.scores(pairs),
        chance=drift.chances(pairs),
    )


def count_by_split_and_label(difference: Difference) -> list[tuple[str, int, int, int, int]]:
    """(split, label, added, removed, relabelled): numbers of pictures, a row for each split and label that has any.

    A relabelled picture counts where it is after the change.
    """
    kinds = ("added", "removed", "relabelled")
    counts = {kind: getattr(difference, kind).groupby(["split", "label"]).size() for kind in kinds}
    return [*pd.DataFrame(counts).fillna(0).astype(int).sort_index().reset_index().itertuples(index=False, name=None)]


def format_difference(difference: Difference, max_drift: float) -> str:
    """The difference as text; drift above `max_drift`, and more than by chance, is marked."""
    lines = [str(difference), "", difference.counts.rename_axis("label").reset_index().to_string(index=False), ""]
    for kind in ("added", "removed", "relabelled"):
        rows = getattr(difference, kind)
        lines += [f"{kind}: {_format_row(row)}" for _, row in rows.head(MAX_PRINTED_PICTURES).iterrows()]
        if len(rows) > MAX_PRINTED_PICTURES:
            lines.append(f"{kind}: and {len(rows) - MAX_PRINTED_PICTURES:,} more")
    lines += ["", f"drift of train and validation (population stability index; above {max_drift:g} is large)"]
    drifted = {name: value for name, value in difference.drift.items() if value >= MIN_PRINTED_DRIFT}
    lines += [
        f"  {name:<12} {value:6.3f}{'  large' if value > max_drift + difference.chance[name] else ''}"
        for name, value in drifted.items()
    ]
    return "\n".join(lines + ([] if drifted else ["  none"]))


def write_page(
    path: Path,
    difference: Difference,
    names: tuple[str, str],
    commits: tuple[str | None, str | None],
    max_drift: float,
    split_change: str,
) -> None:
    """Write the difference as a page. `names` are the versions' names, `commits` their commits or None.

    `split_change` is what `format_split_change` says.
    """
    before, after = commits
    shown = {
        "added": _page_pictures(difference.added, after),
        "removed": _page_pictures(difference.removed, before),
        "relabelled": _page_pictures(difference.relabelled, after),
    }
    pages.write(
        path,
        "difference.html",
        before=names[0],
        after=names[1],
        summary=str(difference),
        split_change=split_change,
        changes=[{"name": name, "count": len(getattr(difference, name)), "pictures": shown[name]} for name in shown],
        counts=difference.counts.to_dict("index"),
        drift=difference.drift,
        drift_bounds={name: max_drift + by_chance for name, by_chance in difference.chance.items()},
    )


def _split_rule(rule: dict[str, Any], revision: str | None) -> str:
    """What assigned the splits of a revision: from its statistics, else, for version 0.2, from its dvc.lock."""
    if rule:
        return ", ".join(f"{name} {value}" for name, value in rule.items())
    stages = dvc_files.lock(revision)
    used = {
        name: value
        for stage in ("ingest", "preprocess")
        for name, value in flatten(stages.get(stage, {}).get("params", {}).get(str(paths.PARAMS), {})).items()
        if name.endswith(("seed", "fraction"))
    }
    if "preprocess.seed" not in used:
        return UNKNOWN
    return "the position of a file (version 0.2), " + ", ".join(f"{name} {value}" for name, value in used.items())


def _without(table: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    marked = table.merge(known, how="left", indicator=True)
    return marked[marked["_merge"] == "left_only"].drop(columns="_merge")


def _page_pictures(rows: pd.DataFrame, revision: str | None) -> list[dict[str, Any]]:
    rows = rows.head(MAX_PAGE_PICTURES)
    raw: dict[tuple[Any, int], Example] = {}
    for split, of in rows.groupby("split"):
        table = past_tables.at_revision(paths.RAW / f"{split}.parquet", revision)
        examples = raw_tables.read_rows(table, str(split), set(of["row"]))
        raw |= {(split, row): example for row, example in examples.items()}
    return [
        {
            "png": pictures.thumbnail(raw[row["split"], row["row"]].data, PICTURE_SIZE),
            "title": f"label {row['label']}{_format_change(row)}",
            "path": row["path"],
            "text": f"{row['split']} row {row['row']}",
        }
        for _, row in rows.iterrows()
    ]


def _format_row(row: pd.Series) -> str:
    return f"{row['split']} row {row['row']}, {printable(row['path'])}, label {row['label']}{_format_change(row)}"


def _format_change(row: pd.Series) -> str:
    return f", was {row['label_before']}" if "label_before" in row else ""
