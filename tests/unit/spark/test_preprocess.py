"""The preprocess stage on Spark writes the rows that it writes on pandas, as shards. The file costs 20 s of CPU."""

import pytest

from digits import paths
from digits.data import dataset, shards
from digits.errors import UserError
from digits.spark import preprocess as preprocess_on_spark
from digits.spark import session
from pipeline import preprocess
from tests.raw import BLANK, SIZES, raw, set_engine, set_params, validated
from tests.sharded import shard

TABLES = [*(paths.PROCESSED / f"{split}.parquet" for split in dataset.SPLITS), paths.NON_DIGITS, paths.PAGE_CUTS]


@pytest.fixture
def on_spark(spark, monkeypatch):
    """The stage with `engine: spark`, in the session of all tests."""
    from contextlib import nullcontext

    monkeypatch.setattr(session, "session", lambda params: nullcontext(spark))

    def run() -> None:
        set_engine("spark")
        preprocess.main()

    return run


@pytest.fixture
def quarantined(workspace, mnist_digits):
    """200 digits, three of which are quarantined, two for what they are, and the second shard of the test split."""
    raw(mnist_digits, train_3={"data": b"seven"}, test_39={"data": BLANK}, train_139={"label": 11})
    validated(("train", 139), ("train", 3), ("test", 39), *(("test", row) for row in range(15, 30)))
    set_params("preprocess", page_digits=0.5, page_non_digits=0.3, max_pages=2)
    set_params("spark", pictures_per_shard=200)


def test_both_engines_write_the_same_rows_in_the_same_order(quarantined, on_spark, monkeypatch):
    monkeypatch.setattr(preprocess_on_spark, "ORDERS_PER_SHARD", 2)
    preprocess.main()
    expected = {path: shards.read(path) for path in TABLES}
    rule = dataset.split_rule()
    for split, rows in (("train", 60), ("test", 15)):
        shard(paths.RAW / f"{split}.parquet", rows, group_rows=15)
    on_spark()
    assert dataset.split_rule() == rule
    for path, table in expected.items():
        found = shards.read(path)
        assert found.schema.equals(table.schema, check_metadata=True)
        assert found.to_pylist() == table.to_pylist(), path
    assert [len(expected[path]) for path in TABLES[:3]] == [SIZES["train"] - 2, SIZES["validation"], SIZES["test"] - 16]
    names = [[file.name for file in sorted(path.glob(shards.PATTERN))] for path in TABLES[:4]]
    parts = ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    assert names[:3] == [parts, parts[:1], [parts[0], parts[2]]]  # of test's second shard nothing is left
    assert names[3][:2] == parts[:2]
    assert paths.PAGE_CUTS.is_file() and paths.SAMPLES.is_file()

    set_engine("pandas")
    preprocess.main()  # replaces the folders
    assert [path.is_file() for path in TABLES] == [True] * 5


def test_a_picture_without_a_digit_is_named_and_what_was_there_stays(workspace, mnist_digits, on_spark):
    raw(mnist_digits, train_3={"data": BLANK, "path": "0/od\nd.png"})
    validated()
    paths.PROCESSED.mkdir()
    (paths.PROCESSED / "before").touch()
    with pytest.raises(UserError, match=r"^0/od\\nd\.png of the train split: blank: contrast 0 of 255"):
        on_spark()
    assert [path.name for path in paths.PROCESSED.iterdir()] == ["before"]
    assert not list(paths.PROCESSED.parent.glob(".partial-*"))
