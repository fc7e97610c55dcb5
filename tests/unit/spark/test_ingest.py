"""Ingest on Spark writes what ingest on pandas writes: rows, order, splits, lists and printed lines."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits import paths
from digits.data import corrections, dataset, ingested, pictures, shards, sources
from digits.data.corrections import Correction
from digits.data.sources import SourcePicture
from digits.errors import UserError
from digits.params import Params, load
from digits.spark import ingest as on_spark
from pipeline import ingest
from tests.raw import set_params

LISTS = (paths.DROPPED, paths.CORRECTION_EFFECTS)


@pytest.fixture
def given(workspace, mnist_digits, monkeypatch) -> None:
    """Sources with near and exact duplicates, of each other too, a published test side, and corrections.

    The folder has 200 pictures, 40 of them dimmed or enlarged copies, and one that can't be decoded; `published` has
    160, of which 30 are its test side, and `parquet` 100, in two files.
    """
    encode = pictures.encode_png
    own, others = mnist_digits.images[::28], mnist_digits.images[14::28]
    for number, image in enumerate(own[:159]):
        write(mnist_digits.labels[28 * number], f"{number:03d}", encode(image))
    for number, image in enumerate(own[:40]):
        large = np.ascontiguousarray(np.kron(image, np.ones((2, 2), np.uint8)))
        write(mnist_digits.labels[28 * number], f"copy {number:03d}", encode(image // 2 if number % 2 else large))
    write(9, "damaged", encode(own[0])[:60])
    for label in range(2, 9):  # every label has a picture
        write(label, "other", encode(mnist_digits.images[500 * label + 3]))
    published = [SourcePicture(encode(image), f"train/{row}", 3, "train") for row, image in enumerate(others[:125])]
    published += [SourcePicture(encode(image), f"test/{row}", 3, "test") for row, image in enumerate(others[125:155])]
    published += [SourcePicture(encode(others[130] // 2), "dimmed", 3, "train"), published[140], published[0]]
    published += [SourcePicture(encode(own[3]), "the folder's", 3, "train")]
    monkeypatch.setitem(sources.SOURCES, "published", lambda params: iter(published))
    write(3, "published", published[150].data)
    for number, size in enumerate((30, 7)):
        write_parquet(
            f"{number}.parquet", mnist_digits, slice(7 + 2 * number, None, 100), size
        )  # others than the folder has
    set_params("ingest", sources=["folder", "published", "parquet"])
    hashes = [pictures.pixel_digest(encode(own[number])).hex() for number in (100, 101, 102, 103)]
    label = str(mnist_digits.labels[28 * 100])
    corrections.write(
        [
            Correction(hashes[0], label, "8", "Ada", "2026-11-29", ""),
            Correction(hashes[1], label, "drop", "Ada", "2026-11-29", ""),
            Correction(hashes[2], "9", "8", "Ada", "2026-11-29", "a conflict"),
            Correction("0" * 64, "1", "2", "Ada", "2026-11-29", "not found"),
            Correction(hashes[3], "9", label, "Ada", "2026-11-29", "not needed"),
        ]
    )


def write(label: int, name: str, data: bytes) -> None:
    folder = paths.EXTERNAL / str(label)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.png").write_bytes(data)


def write_parquet(name: str, digits: dataset.Digits, chosen: slice, group_rows: int) -> Path:
    """Write a file for the source `parquet`, in row groups of so many rows."""
    images = [{"bytes": pictures.encode_png(image), "path": None} for image in digits.images[chosen]]
    path = paths.EXTERNAL / "parquet" / name
    path.parent.mkdir(exist_ok=True)
    pq.write_table(pa.table({"image": images, "label": digits.labels[chosen]}), path, row_group_size=group_rows)
    return path


@pytest.fixture
def params(given, spark_params) -> Params:
    return load().model_copy(update={"engine": "spark", "spark": spark_params})


def written() -> tuple[dict, dict]:
    """The rows and the schema of each table of data/raw, the schema with the rule; and the lists."""
    tables = {split: shards.read(paths.RAW / f"{split}.parquet") for split in dataset.SPLITS}
    rows = {
        split: (table.to_pylist(), table.schema.remove_metadata(), table.schema.metadata)
        for split, table in tables.items()
    }
    return rows, {path.name: path.read_bytes() for path in LISTS if path.exists()}


def test_everything_is_as_on_pandas_to_the_byte(spark, params, capsys):
    found = ingest.ingest(params.ingest, corrections.read())
    ingested.report(found, params.ingest)
    expected, printed = written(), capsys.readouterr().out
    assert expected[1].keys() == {"dropped.csv", "corrections.csv"}
    assert "dropped 2 pictures" in printed
    assert "corrections: 1 corrected, 1 dropped, 1 not needed, 1 in conflict with the source, 1 not found" in printed
    ingested.report(on_spark.ingest_with(spark, params, corrections.read()), params.ingest)
    assert written() == expected
    assert capsys.readouterr().out == printed
    parts = [len(shards.files(paths.RAW / f"{split}.parquet")) for split in dataset.SPLITS]
    assert min(parts) > 3
    assert [path.name for path in paths.RAW.parent.glob(".partial*")] == []


def test_a_damaged_row_group_is_found_in_an_executor_and_the_last_data_stay(spark, params, mnist_digits):
    ingest.ingest(params.ingest, {})
    before = written()
    path = write_parquet("a.parquet", mnist_digits, slice(None, None, 50), 50)
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 2000] = bytes(2000)  # the footer is whole
    path.write_bytes(data)
    set_params("ingest", sources=["parquet"])
    params = params.model_copy(update={"ingest": load().ingest})
    with pytest.raises(UserError, match=r"^data/external/parquet/a\.parquet"):
        on_spark.ingest_with(spark, params, {})
    assert written() == before
    assert [path.name for path in paths.RAW.parent.glob(".partial*")] == []
