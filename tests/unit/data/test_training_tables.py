"""What is no digit is read as it was written, and only the rows of the wanted split."""

import numpy as np
import pyarrow.parquet as pq
import pytest

from digits import errors
from digits.data import training_tables
from tests.sharded import shard


def test_what_is_no_digit_is_read_as_it_was_written_split_by_split(tmp_path, mnist_digits, monkeypatch):
    path = tmp_path / "non_digits.parquet"
    images = mnist_digits.images
    training_tables.write_non_digits(
        [("train", "signs", images[:2]), ("test", "signs", images[2:5]), ("train", "noise", images[5:5])], path
    )
    train, test = (training_tables.read_non_digits(split, path) for split in ("train", "test"))
    assert np.array_equal(train.images, images[:2])
    assert np.array_equal(test.images, images[2:5])
    assert (train.kinds.tolist(), test.kinds.tolist()) == (["signs"] * 2, ["signs"] * 3)
    read, groups = pq.ParquetFile.read_row_group, []
    monkeypatch.setattr(pq.ParquetFile, "read_row_group", lambda file, group: groups.append(group) or read(file, group))
    training_tables.read_non_digits("test", path)
    assert 0 not in groups and 1 in groups  # the other split's row groups stay on the disk


def test_the_shards_of_the_other_engine_stay_until_the_file_is_complete(tmp_path, mnist_digits):
    path = tmp_path / "non_digits.parquet"
    training_tables.write_non_digits([("train", "signs", mnist_digits.images[:2])], path)
    shard(path)

    def drawn():
        yield "train", "signs", mnist_digits.images[:3]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        training_tables.write_non_digits(drawn(), path)
    assert path.is_dir() and len(training_tables.read_non_digits("train", path).images) == 2
    training_tables.write_non_digits([("train", "signs", mnist_digits.images[:3])], path)
    assert path.is_file()


def test_a_file_without_pictures_is_read_and_a_missing_one_is_named(workspace, capsys):
    assert errors.exit_status(lambda: training_tables.read_non_digits("train")) == 1
    words = "data/interim/non_digits.parquet does not exist; if a stage writes it, `dvc checkout` restores it"
    assert words in capsys.readouterr().err
    training_tables.write_non_digits([])
    images, kinds = training_tables.read_non_digits("train")
    assert (images.shape, kinds.shape) == ((0, 28, 28), (0,))
