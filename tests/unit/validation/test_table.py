"""The table in memory, and how its numbers are counted. Spark's is compared with this one."""

import numpy as np
import pandas as pd
import pytest

from digits.validation.distributions import histogram, histograms, label_histograms, quantiles
from digits.validation.table import Condition, PandasTable


@pytest.fixture
def table() -> PandasTable:
    known = {"label": [3, 3, 7, 12, 7, 3], "ink": [0.0, 1.0, 1.0, 2.0, np.nan, 3.0], "none": np.nan}
    files = {"path": [f"{row}.png" for row in range(6)], "name": [f"picture {row}" for row in range(6)]}
    return PandasTable(pd.DataFrame({"split": ["train"] * 5 + ["test"], "row": [0, 1, 2, 3, 4, 0], **files, **known}))


@pytest.mark.parametrize(
    ("condition", "rows"),
    [
        (Condition("ink", lowest=1.0), [0]),
        (Condition("ink", highest=1.0), [3, 5]),
        (Condition("label", allowed=(3, 7)), [3]),
        (Condition("ink", allowed=()), [0, 1, 2, 3, 5]),
        (Condition("none", lowest=1.0, allowed=()), []),
    ],
)
def test_a_condition_fails_at_these_rows_and_not_where_the_value_is_missing(table, condition, rows):
    assert np.flatnonzero(condition.fails(table.frame[condition.column])).tolist() == rows
    assert table.count_failing([condition]) == len(rows)
    assert len(table.passing([condition])) == 6 - len(rows)


def test_rows_that_fail_any_condition_come_in_the_tables_order(table):
    conditions = [Condition("ink", highest=2.0), Condition("label", allowed=(3, 7))]
    found = table.failing(conditions)
    assert found["name"].tolist() == ["picture 3", "picture 5"]
    assert [*found.columns] == ["split", "row", "path", "label", "name", "ink"]
    assert table.failing(conditions, 1)["name"].tolist() == ["picture 3"]


def test_a_value_at_an_edge_has_a_count_of_its_own(table):
    assert histogram(table.frame["ink"], [1.0, 2.0]).tolist() == [1, 2, 0, 1, 1]
    assert histograms(table, {"ink": [1.0], "label": [7.0]})["label"].tolist() == [3, 2, 1]
    values = pd.Series(np.random.default_rng(0).integers(0, 9, 500) / 3)
    edges = np.linspace(0, 3, 10)
    counts = histogram(values, edges.tolist())
    at, between = counts[1::2], counts[2:-1:2]
    expected = np.histogram(values, edges)[0]  # each bin has its lower edge, and the last one its upper edge, too
    assert (at[:-1] + between + [*[0] * 8, at[-1]]).tolist() == expected.tolist()


def test_the_histograms_of_a_label_have_its_known_numbers(table):
    edges, counts = label_histograms(table, ["ink", "none"])["ink"]
    assert counts.shape == (10, 40)
    assert (counts[3].tolist(), counts[7].sum()) == (np.histogram([0.0, 1.0, 3.0], edges)[0].tolist(), 1)
    assert label_histograms(table, ["none"])["none"][1].sum() == 0


def test_quantiles_are_of_the_known_numbers(table):
    found = quantiles(table, ["ink", "none"], [0, 0.5, 0.9])
    assert found["ink"].tolist() == np.quantile([0.0, 1.0, 1.0, 2.0, 3.0], [0, 0.5, 0.9]).tolist()
    assert found["none"].size == 0
    assert (len(table.seen()), table.summary("none").known) == (5, 0)
