"""What changed between two versions of the data: pictures added, removed and relabelled, counts, and drift."""

from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd
import pyarrow.parquet as pq

from digits import dataset, drift, pages, pictures, versions
from digits.dataset import LABELS
from digits.drift import PROFILED
from digits.errors import UserError, printable
from digits.expectations import ROW

TABLE = "data/measurements.parquet"
COLUMNS = [*ROW, "picture", *(name for name in PROFILED if name != "label")]
NAMED = 10  # pictures named on the screen, of each kind of change
SHOWN = 60  # pictures on the page, of each kind of change
SLIGHT = 0.01  # of the stability index: less is not worth a line
SIDE = 96  # pixels: of a picture on the page


class Difference(NamedTuple):
    """`added`, `removed` and `relabelled` are rows of the tables (`relabelled` with `label_before`); `moved` counts
    pictures dealt to another split, `counts` the pictures of each label, and `drift` the training split's distance.
    """

    added: pd.DataFrame
    removed: pd.DataFrame
    relabelled: pd.DataFrame
    moved: int
    unchanged: int
    counts: pd.DataFrame
    drift: dict[str, float]

    def __str__(self) -> str:
        changes = {name: len(getattr(self, name)) for name in ("added", "removed", "relabelled")}
        changes |= {"dealt to another split": self.moved, "unchanged": self.unchanged}
        return ", ".join(f"{count:,} {name}" for name, count in changes.items())


def table(revision: str | None) -> pd.DataFrame:
    """The measurements of a revision's pictures (None: of the working tree), one row each.

    Raises UserError where that revision keeps none.
    """
    with versions.opened(TABLE, revision) as file:
        parquet = pq.ParquetFile(file)
        missing = [name for name in COLUMNS if name not in parquet.schema_arrow.names]
        if missing:
            where = revision[:12] if revision else versions.WORKSPACE
            raise UserError(
                f"{TABLE} of {where} has no column {missing[0]}: it was made by an earlier validate stage; "
                f"compare with a later revision"
            )
        found = parquet.read(columns=COLUMNS).to_pandas()
    # What can't be read is known by its path, all else by what it shows.
    return found.assign(picture=found["picture"].fillna("unreadable " + found["path"].astype(str)))


def compare(before: pd.DataFrame, after: pd.DataFrame) -> Difference:
    """Compare two tables. A picture is known by its grey levels: a renamed file is no change, an edited one is two."""
    ours, theirs = (one.assign(copy=one.groupby(["picture", "label"]).cumcount()) for one in (before, after))
    key = ["picture", "label", "copy"]
    both = ours[[*key, "split"]].merge(theirs[[*key, "split"]], on=key, suffixes=("_before", "_after"))
    # What is left on both sides is known by its picture alone: the same one under another label.
    gone, new = (_numbered(_without(one, both[key])) for one in (ours, theirs))
    relabelled = new.merge(gone[["picture", "copy", "label"]], on=["picture", "copy"], suffixes=("", "_before"))
    counts = pd.DataFrame({"before": before["label"].value_counts(), "after": after["label"].value_counts()})
    counts = counts.reindex(sorted({*LABELS, *counts.index}), fill_value=0).fillna(0).astype(int)
    train = [one[one["split"] == "train"] for one in (before, after)]
    return Difference(
        added=_without(new, relabelled[["picture", "copy"]]),
        removed=_without(gone, relabelled[["picture", "copy"]]),
        relabelled=relabelled,
        moved=int((both["split_before"] != both["split_after"]).sum()),
        unchanged=int((both["split_before"] == both["split_after"]).sum()),
        counts=counts.assign(change=counts["after"] - counts["before"]),
        drift=drift.distance(train[1], drift.profile(train[0])),
    )


def told(difference: Difference, large: float) -> str:
    """The difference as a screen of text; drift above `large` is marked."""
    lines = [str(difference), "", difference.counts.rename_axis("label").reset_index().to_string(index=False), ""]
    for kind in ("added", "removed", "relabelled"):
        rows = getattr(difference, kind)
        lines += [f"{kind}: {_name(row)}{_change(row)}" for _, row in rows.head(NAMED).iterrows()]
        lines += [f"{kind}: and {len(rows) - NAMED:,} more"] if len(rows) > NAMED else []
    lines += ["", f"drift of the training split (population stability index; above {large:g} is large)"]
    drifted = {name: value for name, value in difference.drift.items() if value >= SLIGHT}
    lines += [f"  {name:<10} {value:6.3f}{'  large' if value > large else ''}" for name, value in drifted.items()]
    lines += [] if drifted else ["  none"]
    return "\n".join(lines)


def write_page(path: Path, difference: Difference, names: tuple[str, str], places: tuple, large: float) -> None:
    """Write the difference as a page. `names` are the versions' names, `places` their revisions or None."""
    shown = {
        "added": _shown(difference.added, places[1]),
        "removed": _shown(difference.removed, places[0]),
        "relabelled": _shown(difference.relabelled, places[1]),
    }
    pages.write(
        path,
        "difference.html",
        before=names[0],
        after=names[1],
        summary=str(difference),
        changes=[{"name": name, "count": len(getattr(difference, name)), "pictures": shown[name]} for name in shown],
        counts=difference.counts.to_dict("index"),
        drift=difference.drift,
        drift_bound=large,
    )


def _numbered(table: pd.DataFrame) -> pd.DataFrame:
    return table.assign(copy=table.groupby("picture").cumcount())


def _without(table: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    marked = table.merge(known, how="left", indicator=True)
    return marked[marked["_merge"] == "left_only"].drop(columns="_merge")


def _shown(rows: pd.DataFrame, revision: str | None) -> list[dict[str, Any]]:
    rows, found = rows.head(SHOWN), {}
    for split, of in rows.groupby("split"):
        with versions.opened(f"{dataset.RAW}/{split}.parquet", revision) as file:
            found |= {(split, row): example for row, example in dataset.pick(file, str(split), set(of["row"])).items()}
    return [
        {
            "png": pictures.thumbnail(found[row["split"], row["row"]].data, SIDE),
            "title": f"label {row['label']}{_change(row)}",
            "path": row["path"],
            "text": f"{row['split']} row {row['row']}",
        }
        for _, row in rows.iterrows()
    ]


def _name(row: pd.Series) -> str:
    return f"{row['split']} row {row['row']}, {printable(row['path'])}, label {row['label']}"


def _change(row: pd.Series) -> str:
    return f", was {row['label_before']}" if "label_before" in row else ""
