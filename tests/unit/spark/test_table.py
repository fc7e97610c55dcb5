"""The table of statistics on Spark answers as the one of pandas, and Great Expectations finds the same. Some 25 s."""

import json
from contextlib import nullcontext

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits.errors import UserError
from digits.spark import order_statistics
from digits.spark import validate as on_spark
from digits.spark.table import NUMBERS, SparkTable
from digits.validation import drift, run
from digits.validation.distributions import histograms, label_histograms, quantiles
from digits.validation.drift import NUMERIC_COLUMNS, PROFILE_COLUMNS
from digits.validation.run import ValidationRun
from digits.validation.table import Condition, PandasTable, Table
from tests.unit.validation.conftest import BOUNDS, FINDINGS
from tests.unit.validation.test_run import FAULTS, found_digits, plant

SCORES = {**dict.fromkeys(PROFILE_COLUMNS, 0.0), "ink": 0.26}
ROWS = 60  # of a shard
TEXTS = ["split", "path", "name", "source", "problem", "format", "mode", "picture", "split_label", *FINDINGS]


@pytest.fixture(scope="module")
def faults(mnist_digits) -> pd.DataFrame:
    """Real digits with every fault that the suite finds, one that can't be decoded, and two sources."""
    table = plant(found_digits(mnist_digits)).sort_values("split", key=lambda split: split.map(RANK), kind="stable")
    table = table.assign(source=np.where(table["label"] < 3, "folder", "mnist-5k"), name="picture " + table["path"])
    table.loc[199, [*NUMBERS, "format", "mode", "picture"]] = None
    table.loc[199, "problem"] = "not a picture (5 bytes)"
    return table.reset_index(drop=True)


RANK = {"train": 0, "validation": 1, "test": 2}


@pytest.fixture(scope="module")
def both(spark, faults, tmp_path_factory) -> tuple[PandasTable, SparkTable]:
    """The table on pandas, and on Spark, from several Parquet files."""
    folder = tmp_path_factory.mktemp("shards")
    stored = faults.drop(columns="thumbnail")
    types = {name: pa.string() if name in TEXTS else pa.float64() if name in NUMBERS else None for name in stored}
    arrays = {name: pa.array(stored[name], types[name], from_pandas=True) for name in stored}
    table = pa.table(arrays)
    for number, start in enumerate(range(0, len(faults), ROWS)):
        pq.write_table(table.slice(start, ROWS), folder / f"part-{number}.parquet")
    rows = spark.read.parquet(str(folder))
    return PandasTable(faults), SparkTable(spark, rows, rows)


@pytest.fixture(scope="module")
def runs(both, tmp_path_factory) -> list[ValidationRun]:
    """The results on pandas, and on Spark."""
    docs = tmp_path_factory.mktemp("docs")
    return [ValidationRun(of, SCORES, run.check(of, SCORES, BOUNDS, docs / of.engine / "docs")) for of in both]


def test_the_suite_finds_the_same_in_both(runs):
    on_pandas, on_spark = ({one.name: one for one in of.results} for of in runs)
    assert on_spark == on_pandas
    assert {name for name, one in on_spark.items() if not one.success} >= FAULTS.keys()
    for name, one in on_pandas.items():
        pd.testing.assert_frame_equal(on_spark[name].failing, one.failing, check_dtype=False)
        assert (
            one.unexpected == len(one.failing) == (one.condition is not None and not one.success) + (name == "readable")
        )


def test_the_bad_rows_and_the_other_rows_are_the_same(both, runs):
    on_pandas, on_spark = (one.bad_rows() for one in runs)
    pd.testing.assert_frame_equal(on_spark, on_pandas, check_dtype=False)
    conditions = [*runs[0].conditions.values()]
    assert [one.count_bad() for one in runs] == [len(on_pandas)] * 2
    assert [len(table.passing(conditions)) for table in both] == [200 - len(on_pandas)] * 2


def test_the_plan_grows_by_the_same_with_each_round_of_quarantine(both, spark):
    table, lengths = both[1], []
    limit = spark.conf.get("spark.sql.maxPlanStringLength")
    spark.conf.set("spark.sql.maxPlanStringLength", 2**31 - 16)  # else every text is cut at the session's limit
    for row in range(4):
        table = table.passing([Condition("row", lowest=row)])
        lengths.append(len(table.data(["row"])._jdf.queryExecution().toString()))
    spark.conf.set("spark.sql.maxPlanStringLength", limit)
    assert len(table) == 197
    growth = np.diff(lengths)
    assert 0 < growth[-1] < 1.5 * growth[0]


def test_a_failure_of_spark_is_an_error_and_no_verdict_on_the_data(both, spark, spark_params, tmp_path, monkeypatch):
    from pyspark.sql.functions import lit, raise_error

    failing = both[1].data(["*"]).withColumn("problem", raise_error(lit("No space left on device")))
    monkeypatch.setattr(run, "PICTURE_EXPECTATIONS", run.PICTURE_EXPECTATIONS[:2])
    monkeypatch.setattr(on_spark, "session", lambda params: nullcontext(spark))
    monkeypatch.setattr(on_spark.statistics, "write", lambda spark, params, rule: nullcontext(failing))
    words = "Spark could not finish validate: .*No space left on device"
    with pytest.raises(UserError, match=words), on_spark.raw_statistics(spark_params, {}) as table:
        run.check(table, SCORES, BOUNDS, tmp_path / "docs")
    assert not (tmp_path / "docs").exists()


def test_the_profile_and_the_histograms_are_the_same(both):
    pandas, spark = both
    profile = drift.profile(pandas.seen())
    assert json.dumps(drift.profile(spark.seen())) == json.dumps(profile)
    assert drift.scores(drift.pairs(spark, profile)) == drift.scores(drift.pairs(pandas, profile))
    drawn, expected = (label_histograms(table, NUMERIC_COLUMNS) for table in both)
    for name in NUMERIC_COLUMNS:
        assert all(np.array_equal(one, other) for one, other in zip(drawn[name], expected[name], strict=True))


def test_a_table_without_rows_is_no_error(spark, both):
    empty = both[1].passing([Condition("row", allowed=())])
    assert (len(empty), empty.count_by("label").sum(), empty.summary("ink").known) == (0, 0, 0)
    assert quantiles(empty, ["ink"], [0.5])["ink"].size == 0
    assert histograms(empty, {"ink": [0.5]})["ink"].tolist() == [0, 0, 0]


@pytest.fixture(scope="module")
def numbers() -> pd.DataFrame:
    """Columns that are hard to select from: close together, far apart, tied, negative, null."""
    random = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "even": random.random(3000),
            "near": 1 + random.random(3000) * 1e-12,
            "far": random.normal(0, 1, 3000) * 10.0 ** random.integers(-300, 300, 3000),
            "tied": random.integers(-2, 3, 3000) / 2,
            "signs": random.choice([0.0, -0.0, -1.5], 3000),
            "whole": random.integers(-(2**40), 2**40, 3000),
            "null": np.where(random.random(3000) < 0.9, np.nan, random.random(3000)),
        }
    )


@pytest.mark.parametrize("most", [order_statistics.MAX_VALUES, 5000, 50], ids=["one pass", "two", "all"])
def test_quantiles_are_numpys_to_the_last_bit(spark, numbers, monkeypatch, most):
    monkeypatch.setattr(order_statistics, "MAX_VALUES", most)
    frame = spark.createDataFrame(numbers.astype(object).where(numbers.notna(), None), TYPES).repartition(3)
    wanted = {name: [0, 1, 2, len(of) // 3, len(of) - 1] for name in numbers if len(of := numbers[name].dropna())}
    found = order_statistics.order_statistics(frame, wanted)
    for name, ranks in wanted.items():
        assert found[name].tolist() == np.sort(numbers[name].dropna().to_numpy(float))[ranks].tolist()


def test_a_partition_without_a_wanted_number_is_no_error(spark):
    frame = spark.createDataFrame([(None,), (1.0,), (1.0 + 2**-50,)], "near double").repartitionByRange(3, "near")
    assert order_statistics.order_statistics(frame, {"near": [0, 1]})["near"].tolist() == [1.0, 1.0 + 2**-50]


TYPES = "even double, near double, far double, tied double, signs double, whole long, null double"


def test_quantiles_between_two_numbers_are_numpys(numbers):
    fractions = np.linspace(0, 1, 11)
    table: Table = PandasTable(numbers)
    for name, values in quantiles(table, [*numbers], fractions).items():
        assert values.tolist() == np.quantile(numbers[name].dropna().astype(float), fractions).tolist()
