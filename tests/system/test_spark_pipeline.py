"""The whole pipeline with `engine: spark`, and what a user's machine, folder of shards or bucket can do to it.

The tests run in their order: each continues where the one before it ended.
"""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from digits.data.dataset import SPLITS
from tests.scratch import copy
from tests.spark_cluster import SHORT_LIVED, assert_same_tables, on_spark, partial_files, skip_without_spark

TABLES = [
    *(f"data/{folder}/{split}.parquet" for folder in ("raw", "processed") for split in SPLITS),
    *(f"data/interim/{name}.parquet" for name in ("statistics", "non_digits", "page_cuts")),
]
FILES = [
    *("data/interim/quarantine.csv", "data/interim/profile.json", "metrics/validate.json", "data/README.md"),
    *("models/network.onnx", "models/digits.onnx", "metrics/train.json", "metrics/evaluate.json"),
]

pytestmark = skip_without_spark


def folder_bytes(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module", autouse=True)
def _short_lived():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JDK_JAVA_OPTIONS", SHORT_LIVED)
        yield


@pytest.fixture(scope="module")
def project(tmp_path_factory, untrained_template):
    """A project of 200 digits whose pipeline ran with `engine: spark`."""
    made = on_spark(copy(untrained_template, tmp_path_factory.mktemp("spark") / "digits"), master="local[2]")
    made.set_params(train={"epochs": 15})
    printed = made.run("dvc", "repro", "evaluate")
    assert "Traceback" not in printed
    made.commit()
    return made


def test_every_table_has_the_rows_of_the_engine_pandas(project, trained_template):
    assert_same_tables(project, trained_template, TABLES)


def test_large_tables_are_folders_of_shards(project):
    for name in ("raw", "processed"):
        table = project.root / "data" / name / "train.parquet"
        assert sorted(path.name for path in table.iterdir())[:2] == ["part-00000.parquet", "part-00001.parquet"]


def test_every_verdict_and_model_has_the_bytes_of_the_engine_pandas(project, trained_template):
    for file in FILES:
        assert (project.root / file).read_bytes() == (trained_template / file).read_bytes(), file


def test_nothing_has_to_be_done_again(project):
    assert "Data and pipelines are up to date." in project.run("dvc", "status", "evaluate")
    assert partial_files(project) == []


def test_a_shard_with_a_changed_bit_is_named_and_earlier_data_are_kept(project):
    shard = project.root / "data" / "raw" / "train.parquet" / "part-00001.parquet"
    before, whole = folder_bytes(project.root / "data" / "processed"), shard.read_bytes()
    with pq.ParquetFile(shard) as file:
        pictures = file.metadata.row_group(0).column(0)
    middle = (pictures.dictionary_page_offset or pictures.data_page_offset) + pictures.total_compressed_size // 2
    shard.chmod(0o644)
    shard.write_bytes(whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :])
    printed = project.run("python", "-m", "pipeline.preprocess", fails=True)
    assert "Traceback" not in printed
    assert "data/raw/train.parquet/part-00001.parquet is damaged: " in printed
    assert "`dvc checkout` restores what DVC keeps" in printed
    assert folder_bytes(project.root / "data" / "processed") == before
    assert partial_files(project) == []
    project.run("dvc", "checkout", "--force", "data/raw")
    assert shard.read_bytes() == whole
