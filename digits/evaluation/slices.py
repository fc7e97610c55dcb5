"""Accuracy on slices of the test digits: where a model fails more often than its overall accuracy says.

A slice divides the digits into groups by one property. The edges between groups are fixed numbers, so that a group
means the same for every data set. Each outer group of stroke width and slant has a tenth of MNIST's 60,000 training
digits, to half a point; MNIST's digits have one size and contrast, so those edges are for pictures that people bring.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from digits import paths
from digits.arrays import Bools, Floats, Ints, Pixels
from digits.data import shards, stacks
from digits.data.dataset import Digits
from digits.data.strokes import relative_stroke_width
from digits.errors import UserError
from digits.evaluation.intervals import wilson

if TYPE_CHECKING:
    import pandas as pd

MIN_PICTURES = 50  # of the worst group: of fewer, even one without a mistake has an interval of more than 7 points
HARDEST = 10  # digits of the worst group that its figure shows


class Bins(NamedTuple):
    """Names of groups in rising order, and the `edges` between them; a value that equals an edge is above it."""

    names: Sequence[str]
    edges: Sequence[float]

    def of(self, values: Floats) -> "pd.Categorical[str]":
        """The group of each of (n,) values."""
        import pandas as pd

        return pd.Categorical.from_codes(np.digitize(values, self.edges), pd.Index(self.names), ordered=True)


STROKE = Bins(("thin", "usual", "thick"), (0.09, 0.175))  # width, of the digit's longest side: MNIST's mean is 0.13
SLANT = Bins(("leaning left", "usual", "leaning right"), (-13, 25))  # degrees to the right: MNIST's mean is 6
SIZE = Bins(("small", "usual", "large"), (0.5, 0.9))  # of the picture's longest side: MNIST's is 0.71
CONTRAST = Bins(("faint", "usual", "strong"), (128, 224))  # of 255; MNIST's is 254, and `validate` refuses less than 64


def group(images: Pixels, labels: Ints, sources: np.ndarray, extent: Floats, contrast: Floats) -> "pd.DataFrame":
    """The group of each of n digits in each slice: n rows, and one column of categories for each slice.

    Takes (n, 28, 28) uint8 canonical digits, their (n,) labels and (n,) names of sources, and the (n,) `extent` and
    `contrast` of their pictures (`of_processed`).
    """
    import pandas as pd

    ink = images / np.float32(255)
    return pd.DataFrame(
        {
            "class": pd.Categorical(labels.astype(str)),
            "source": pd.Categorical(sources),
            "stroke": STROKE.of(relative_stroke_width(ink)),
            "slant": SLANT.of(slant(ink)),
            "size": SIZE.of(extent),
            "contrast": CONTRAST.of(contrast),
        }
    )


def read_groups(split: str, digits: Digits, sources: np.ndarray) -> "pd.DataFrame":
    """`group` of the working tree's processed split, with the (n,) names of its sources."""
    import pandas as pd

    statistics = shards.read(paths.STATISTICS, ["split", "row", "label", "extent", "contrast"]).to_pandas()
    rows = of_processed(statistics, pd.read_csv(paths.QUARANTINE), split, digits.labels)
    return group(*digits, sources, *(rows[name].to_numpy() for name in ("extent", "contrast")))


def of_processed(statistics: "pd.DataFrame", quarantine: "pd.DataFrame", split: str, labels: Ints) -> "pd.DataFrame":
    """The statistics of a processed split's pictures, in its order: those of `validate` without the quarantined rows.

    Raises UserError where they are not of digits with these (n,) labels.
    """
    left_out = quarantine.loc[quarantine["split"] == split, "row"]
    rows = statistics[(statistics["split"] == split) & ~statistics["row"].isin(left_out)].sort_values("row")
    if not np.array_equal(rows["label"], labels):
        raise UserError(
            f"{paths.STATISTICS} without {paths.QUARANTINE} has {len(rows):,} pictures of the {split} split, "
            f"{paths.PROCESSED} has {len(labels):,}, or in another order: run `dvc repro preprocess`"
        )
    return rows


def slant(ink: Floats) -> Floats:
    """(n,) degrees, -90 to 90, by which (n, height, width) float32 ink leans to the right; 0 without ink.

    The angle of the shear that makes the principal axis vertical, by second moments: the deslanting in section III.A of
    LeCun et al. 1998, "Gradient-based learning applied to document recognition".
    """
    centre_y, centre_x = stacks.centre_of_mass(ink)
    rows, columns = np.arange(ink.shape[1]) - centre_y[:, None], np.arange(ink.shape[2]) - centre_x[:, None]
    covariance = np.einsum("nyx,ny,nx->n", ink, rows, columns, optimize=True)
    angle: Floats = -np.degrees(np.arctan2(covariance, np.einsum("nyx,ny->n", ink, rows**2)))
    return angle


def score(groups: "pd.DataFrame", right: Bools) -> "pd.DataFrame":
    """One row for each group that has pictures, of the n rows of `group`, and whether each is classified rightly, (n,).

    Columns: `slice`, `group`, `pictures`, `accuracy`, 0 to 1, and its 95 % interval by Wilson, `accuracy_low` to
    `accuracy_high`.
    """
    import pandas as pd
    from fairlearn.metrics import MetricFrame, count, mean_prediction

    metrics = {"pictures": count, "accuracy": mean_prediction}
    by_slice = {}
    for name, column in groups.items():
        frame = MetricFrame(metrics=metrics, y_true=right, y_pred=right, sensitive_features=column)
        by_slice[name] = frame.by_group.loc[column.cat.remove_unused_categories().cat.categories]
    table = pd.concat(by_slice, names=["slice", "group"]).reset_index().astype({"pictures": int})
    intervals = [wilson(round(row.accuracy * row.pictures), row.pictures) for row in table.itertuples()]
    joined: pd.DataFrame = table.join(pd.DataFrame(intervals).add_prefix("accuracy_"))
    return joined


def worst(table: "pd.DataFrame") -> "pd.Series":
    """The row of `score` with the lowest accuracy, of groups of at least MIN_PICTURES, or else of the largest ones.

    Of equal ones, the one of more pictures.
    """
    enough = table[table["pictures"] >= min(MIN_PICTURES, table["pictures"].max())]
    row: pd.Series = enough.sort_values(["accuracy", "pictures"], ascending=[True, False]).iloc[0]
    return row


def hardest(groups: "pd.DataFrame", worst: "pd.Series", probabilities: Floats, labels: Ints) -> Ints:
    """(m,) int64: rows of the `worst` group's digits, the lowest probability of the true label first; m <= HARDEST."""
    rows = np.flatnonzero(groups[worst["slice"]] == worst["group"])
    return rows[np.argsort(probabilities[rows, labels[rows]], kind="stable")][:HARDEST]


def as_metrics(table: "pd.DataFrame") -> dict[str, dict[str, Any]]:
    """`slices`, by slice and group the other columns of `score`, and `worst_slice`, those of the worst group."""
    found: dict[str, dict[str, Any]] = {}
    for row in table.to_dict("records"):
        found.setdefault(row.pop("slice"), {})[row.pop("group")] = row
    lowest = worst(table)
    return {"slices": found, "worst_slice": found[lowest["slice"]][lowest["group"]]}
