"""Two linear models compared on real digits, against counts made here."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from digits import paths
from digits.comparison import result, text
from digits.comparison.rows import BETTER, NONE, NOT_COMPARED, WORSE, recorded
from digits.data import processed_tables
from digits.errors import UserError


def test_both_models_are_run_on_the_same_digits(models, compared, in_project):
    found = compared
    digits = processed_tables.read_processed("test")
    wrong = [one.classifier.predict(digits.images).probabilities.argmax(axis=1) != digits.labels for one in models]
    rows = found.figures[result.ALL]
    accuracy = rows[0]
    assert (accuracy.first.value, accuracy.second.value) == pytest.approx([1 - one.mean() for one in wrong])
    assert accuracy.difference.value == pytest.approx(wrong[0].mean() - wrong[1].mean())
    assert [row.verdict for row in rows[:3]] == [BETTER] * 3
    assert all(row.difference.interval.low <= row.difference.value <= row.difference.interval.high for row in rows)
    assert sorted(found.read_by_one[0]) == np.flatnonzero(~wrong[0] & wrong[1]).tolist()
    confidence = found.found[1].probabilities[found.read_by_one[1]].max(axis=1)
    assert len(confidence) == (wrong[0] & ~wrong[1]).sum() > 10
    assert (np.diff(confidence) <= 0).all()
    assert found.slices["only_second"].sum() == 4 * len(confidence)  # of class, source, stroke and slant
    folder = found.figures["folder"][0]
    assert folder.second.value == pytest.approx(1 - wrong[1][::4].mean())
    assert list(found.figures) == [result.ALL, "folder", "mnist-5k"]
    assert (found.params, found.same_params) == ({"train.digits": ("100", "500")}, 1)
    assert (found.notes, found.total) == ([], len(digits.labels))


def test_a_parameter_of_a_run_is_equal_to_that_of_params_yaml_that_it_was_read_from(models, in_project):
    """A run has 2.0 for 2, and None for a key without a value."""
    run = {"a": "2.0", "b": "None", "c": "[[16, 5]]", "d": "folder", "e": "1", "f": "None"}
    file = {"a": "2", "c": "[[16, 5]]", "d": "folder", "e": "2", "f": "x: y"}
    found = result.compare(models[0]._replace(params=run), models[1]._replace(params=file))
    assert (found.params, found.same_params) == ({"e": ("1", "2"), "f": ("None", "x: y")}, 4)


def test_no_digit_counts_that_either_model_was_trained_on(models, in_project):
    hashes = processed_tables.read_picture_hashes("test")
    first = models[0]._replace(learned=hashes[:100], test_md5="0" * 32, params={})
    second = models[1]._replace(learned=hashes[80:230])
    found = result.compare(first, second)
    assert (found.rows.tolist(), found.total) == (list(range(230, 250)), 250)
    assert list(found.figures) == [result.ALL]  # a source with few digits has none of its own
    assert (found.params, found.notes[0]) == ({}, "The parameters of A are not known.")
    assert text.params_basis(found) == "Not compared: those of A or of B are not known."
    assert found.notes[1].startswith(
        "The recorded figures are of different test digits: the MD5s of the splits are 000"
    )
    unknown = result.compare(first._replace(learned=None), second._replace(learned=hashes[20:]))
    assert unknown.rows.tolist() == list(range(20))
    assert unknown.notes[0] == "The pictures that A was trained on are not known: test digits may be among them."
    with pytest.raises(UserError, match=r"test\.parquet has 1 digits that neither model was trained on; two or more"):
        result.compare(first._replace(learned=hashes[1:]), second)


def test_without_the_test_split_there_is_a_clear_error(models, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UserError, match=rf"^{paths.PROCESSED}/test.parquet, the digits to compare on, does not exist: "
    ):
        result.compare(*models)


def test_a_test_split_without_hashes_is_one_of_an_earlier_version(models, in_project, monkeypatch, tmp_path):
    old = pq.read_table(paths.PROCESSED / "test.parquet").drop_columns(["sha256", "source"])
    monkeypatch.chdir(tmp_path)
    paths.PROCESSED.mkdir(parents=True)
    pq.write_table(old, paths.PROCESSED / "test.parquet")
    with pytest.raises(UserError, match=r"test\.parquet has no hashes of its pictures, as version 0\.2 wrote it: `dvc"):
        result.compare(*models)


@pytest.mark.parametrize(
    ("first", "second", "verdict"),
    [
        ((0.2, 0.18, 0.22), (0.1, 0.08, 0.12), BETTER),  # a lower error
        ((0.1, 0.08, 0.12), (0.2, 0.18, 0.22), WORSE),
        ((0.1, 0.08, 0.12), (0.2, 0.12, 0.22), NONE),  # they touch
        ((0.1,), (0.2,), NOT_COMPARED),
        ((), (0.2, 0.18, 0.22), NOT_COMPARED),
    ],
)
def test_recorded_figures_differ_where_their_intervals_do_not_overlap(first, second, verdict):
    names = ("corruption_error.mean", "corruption_error.mean_low", "corruption_error.mean_high")
    figures = [dict(zip(names, values, strict=False)) for values in (first, second)]
    assert next(row.verdict for row in recorded(*figures) if row.name == "mean corruption error") == verdict
    higher = [
        {key.replace("corruption_error.mean", "font_accuracy"): value for key, value in one.items()} for one in figures
    ]
    opposite = {BETTER: WORSE, WORSE: BETTER}.get(verdict, verdict)
    assert next(row.verdict for row in recorded(*higher) if row.name == "accuracy on printed digits") == opposite
