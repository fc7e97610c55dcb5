"""Training data is read in chunks, of one file or of shards, each row once. A second."""

from pathlib import Path

import numpy as np
import psutil
import pytest

from digits.data import stream, training_tables
from digits.data.dataset import NO_DIGIT, Digits
from digits.errors import UserError
from tests.numbered import into_shards, numbered, numbers, write_table


def read_all(chunks: list[stream.Chunk]) -> Digits:
    return Digits(*(np.concatenate(column) for column in zip(*stream.read(chunks), strict=True)))


def test_the_chunks_have_each_row_once_and_join_small_row_groups(tmp_path):
    table = write_table(tmp_path, numbered(1010), 20)
    for most, sizes in (
        (100, [100] * 10 + [10]),
        (109, [100] * 10 + [10]),
        (5, [20] * 50 + [10]),
        (-3, [20] * 50 + [10]),
    ):
        chunks = stream.chunks([table], most)
        assert [chunk.rows for chunk in chunks] == sizes
        read = read_all(chunks)
        assert numbers(read.images) == [*range(1010)] and np.array_equal(read.labels, np.arange(1010) % 10)
        assert numbers(next(stream.read(chunks[7:])).images)[0] == sum(sizes[:7])


def test_shards_are_read_as_the_one_file_and_few_are_open(tmp_path):
    table = write_table(tmp_path, numbered(600), 20)
    shards = into_shards(table, 2)
    one, several = stream.chunks([table], 40), stream.chunks([shards], 40)
    assert len({chunk.file for chunk in several}) == 15
    order = np.random.default_rng(0).permutation(15)
    opened = []
    for number, found in zip(order, stream.read([several[number] for number in order]), strict=True):
        assert numbers(found.images) == numbers(next(stream.read([one[number]])).images)
        opened.append(sum(Path(file.path).parent == shards for file in psutil.Process().open_files()))
    assert max(opened) == stream.OPEN_FILES
    assert not any(Path(file.path).parent == shards for file in psutil.Process().open_files())


def test_of_what_is_no_digit_the_training_split_is_read(tmp_path):
    path, images = tmp_path / "non_digits.parquet", numbered(60).images
    training_tables.write_non_digits(
        [("train", "lines", images[:20]), ("test", "lines", images[20:50]), ("train", "noise", images[50:])], path
    )
    chunks = stream.chunks([path], 1000)
    read = read_all(chunks)
    assert sum(chunk.rows for chunk in chunks) == 30
    assert numbers(read.images) == [*range(20), *range(50, 60)]
    assert set(read.labels) == {NO_DIGIT}


def test_blocks_have_the_rows_in_their_order(tmp_path):
    blocks = [*stream.blocks(write_table(tmp_path, numbered(110), 20), 50)]
    assert [len(one.labels) for one in blocks] == [60, 50]
    assert [number for one in blocks for number in numbers(one.images)] == [*range(110)]


def test_a_damaged_shard_is_named(tmp_path):
    shards = into_shards(write_table(tmp_path, numbered(400), 100), 2)
    chunks = stream.chunks([shards], 100)
    damaged = shards / "part-00001.parquet"
    content = bytearray(damaged.read_bytes())
    content[4:3000] = bytes(2996)  # of the first row group; the footer is whole
    damaged.write_bytes(content)
    with pytest.raises(UserError, match=r"part-00001\.parquet"):
        [*stream.read([chunks[0], chunks[2]])]
    damaged.write_bytes(b"PAR1")
    with pytest.raises(UserError, match=r"part-00001\.parquet"):
        stream.chunks([shards], 100)


def test_a_missing_table_is_reported(tmp_path):
    with pytest.raises(FileNotFoundError):
        stream.chunks([tmp_path / "train.parquet"], 1000)


def test_the_hash_of_a_table_is_that_of_its_bytes(tmp_path):
    table = write_table(tmp_path, numbered(100), 20)
    shards = into_shards(table, 2)
    before = {path: stream.content_hash(path) for path in (table, shards)}
    for path in (table, shards):
        assert stream.content_hash(path) == before[path]
    (shards / "part-00001.parquet").write_bytes((shards / "part-00000.parquet").read_bytes())
    assert stream.content_hash(shards) != before[shards]
    write_table(tmp_path, numbered(100, first=1), 20)
    assert stream.content_hash(table) != before[table]
