"""The findings on Spark are those on pandas, of real digits with faults of every kind. It costs some 30 s of CPU."""

from contextlib import ExitStack

import numpy as np
import pandas as pd
import pytest

from digits.data import pictures
from digits.data.dataset import SPLITS
from digits.data.statistics import add_names, compute_statistics
from digits.validation import label_conflicts
from digits.validation.findings import add_findings
from digits.validation.label_corrections import LabelCorrections
from tests.unit.validation.conftest import FINDINGS, MAX_DISTANCE

MAX_MINORITY, MAX_RATIO = 0.1, 1.8
COLUMNS = [*FINDINGS, "split_label", "corrected_share"]
LABELS = (3, 5, 8)


@pytest.fixture(scope="module")
def statistics(mnist_digits) -> pd.DataFrame:
    """100 digits of each of three labels, and one 0 that is no class, with faults, in three splits."""
    random = np.random.default_rng(0)
    chosen = np.concatenate([np.flatnonzero(mnist_digits.labels == label)[:100] for label in LABELS] + [[7]])
    images, labels = mnist_digits.images[chosen], mnist_digits.labels[chosen].copy()
    labels[::40] = (labels[::40] + 2) % 10  # wrong, or of no class
    encoded = [pictures.encode_png(image) for image in images]
    rows = list(range(len(images)))
    copies = random.choice(rows, 60)
    encoded += [encoded[row] for row in copies]  # within a split, and in several
    changed = random.choice(rows, 40)
    encoded += [pictures.encode_png(images[row] // 2) for row in changed]  # nearly the same
    encoded += [pictures.encode_png(255 - images[row]) for row in changed[:10]]  # with dark ink
    encoded += [b"no picture", b"", pictures.encode_png(np.zeros((9, 9), np.uint8))]
    encoded += [pictures.encode_png(np.zeros((9, 9), np.uint8))] * 3
    source = np.concatenate([rows, copies, changed, changed[:10], [0] * 6])
    given = np.concatenate([labels[: len(rows)], labels[source[len(rows) :]]])
    given[random.choice(len(given), 15)] = 9  # one picture under two labels
    order = random.permutation(len(encoded))
    split = random.choice(SPLITS, len(encoded), p=[0.6, 0.2, 0.2])
    suffix = np.where(random.random(len(encoded)) < 0.03, "jpg", "png")
    table = pd.DataFrame({"split": split, "label": given[order], "path": [f"é\n{n}.{s}" for n, s in enumerate(suffix)]})
    table = table.join(compute_statistics([encoded[row] for row in order]))
    table = table.sort_values("split", key=lambda names: names.map(SPLITS.index), kind="stable", ignore_index=True)
    table.insert(1, "row", table.groupby("split").cumcount())
    return add_names(table)


@pytest.fixture(autouse=True)
def _few_tasks_and_small_batches(spark):
    """A few hundred rows are shuffled in two parts, not in 200, and most batches have only some rows of a group."""
    settings = {"spark.sql.shuffle.partitions": 2, "spark.sql.execution.arrow.maxRecordsPerBatch": 3}
    before = {name: spark.conf.get(name) for name in settings}
    for name, value in settings.items():
        spark.conf.set(name, value)
    yield
    for name, value in before.items():
        spark.conf.set(name, value)


@pytest.fixture(scope="module")
def corrections(statistics) -> LabelCorrections:
    effects = [{"path": f"é\\n{n}.png", "old": "3", "new": "5", "label": "8", "effect": "conflict"} for n in (1, 2, 3)]
    return LabelCorrections(pd.DataFrame(effects), {0: 0.0, 3: 0.25})


def as_objects(table: pd.DataFrame) -> pd.DataFrame:
    """Text and numbers, and None where there is nothing, in the order of the table."""
    ordered = table.assign(order=table["split"].map(SPLITS.index)).sort_values(["order", "row"], ignore_index=True)
    columns = ordered[["split", "row", *COLUMNS]]
    return columns.astype(object).where(columns.notna(), None)


def test_every_finding_is_that_of_pandas(spark, statistics, corrections):
    from digits.spark.findings import add_findings as add_findings_on_spark

    arguments = (MAX_MINORITY, MAX_DISTANCE, MAX_RATIO, corrections)
    expected = add_findings(statistics, *arguments)
    assert expected[FINDINGS].notna().sum().min() > 1  # of every kind
    rows = spark.createDataFrame(statistics.sample(frac=1, random_state=0)).repartition(3)
    persisted = spark.sparkContext._jsc.getPersistentRDDs
    before = len(persisted())
    with ExitStack() as kept:
        found = add_findings_on_spark(spark, rows, *arguments, kept).toPandas()
        assert len(persisted()) > before
    assert len(persisted()) == before
    assert set(found) == set(expected)
    pd.testing.assert_frame_equal(as_objects(found), as_objects(expected))


def test_the_sample_of_a_class_is_that_of_pandas(spark, statistics, monkeypatch):
    """With more pictures of a class than are taken, and blocks that a class begins and ends in the middle of."""
    from digits.spark import class_mismatch

    monkeypatch.setattr(label_conflicts, "MAX_SAMPLES", 20)
    monkeypatch.setattr(class_mismatch, "ROWS_PER_BLOCK", 17)
    expected = {}
    monkeypatch.setattr(label_conflicts, "fit_classes", lambda samples: expected.update(samples) or {})
    label_conflicts.class_mismatch(statistics, MAX_RATIO)
    found = {}
    monkeypatch.setattr(class_mismatch, "fit_classes", found.update)
    columns = ["split", "row", "label", "picture", "thumbnail"]
    class_mismatch.fit(spark.createDataFrame(statistics[columns].sample(frac=1, random_state=0)).repartition(3))
    assert len(found) == 2 * len(LABELS)
    assert {key: list(map(bytes, rows)) for key, rows in found.items()} == {
        key: rows.tolist() for key, rows in expected.items()
    }
    assert {len(rows) for rows in expected.values()} < set(range(10, 21))
