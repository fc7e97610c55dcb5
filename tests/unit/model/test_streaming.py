"""Streamed training data: the batches of an epoch, their parts for several processes, and the bound of the memory."""

import math

import numpy as np
import pytest

from digits import paths
from digits.data import training_tables
from digits.data.dataset import NO_DIGIT, Digits
from digits.errors import UserError
from digits.model import streaming, training_data
from digits.params import load
from tests.imports import ROOT
from tests.numbered import into_shards, numbered, numbers, write_table

CAPACITY = 200  # pictures in the buffer
BATCH = 20
MEMORY = (
    streaming.READING_BYTES
    + streaming.BATCHES_AHEAD * BATCH * streaming.BYTES_IN_BATCH
    + CAPACITY * streaming.BYTES_IN_BUFFER
) / 2**20
PARAMS = load(ROOT / "params.yaml").train.model_copy(update={"batch_size": BATCH, "max_memory_mib": MEMORY})


@pytest.fixture
def tables(tmp_path):
    """Three tables with the pictures 0 to 999, 1,000 to 1,049, which are no digits, and 1,050 to 1,109."""
    table = write_table(tmp_path, numbered(1000), 30)
    others, cuts = tmp_path / "non_digits.parquet", tmp_path / "page_cuts.parquet"
    training_tables.write_non_digits([("train", "noise", numbered(50, first=1000).images)], others)
    training_tables.write_page_cuts([numbered(30, first=1050), numbered(30, first=1080)], cuts)
    return [table, others, cuts]


def drawn(stream: streaming.Stream, epoch: int = 0) -> list[int]:
    return [number for batch in stream.batches(epoch) for number in numbers(batch.images)]


def test_an_epoch_has_every_picture_once_but_for_the_incomplete_batch(tables):
    stream = streaming.Stream(tables, PARAMS)
    assert (stream.rows, stream.steps, stream.capacity) == (1110, 55, CAPACITY)
    batches = [*stream.batches(0)]
    assert len(batches) == 55
    assert {(batch.images.shape, batch.images.dtype) for batch in batches} == {((20, 28, 28), np.dtype("uint8"))}
    assert {(batch.one_hot.shape, batch.one_hot.dtype) for batch in batches} == {((20, 11), np.dtype("float32"))}
    assert len(set(drawn(stream))) == 1100
    for batch in batches:
        for number, one_hot in zip(numbers(batch.images), batch.one_hot, strict=True):
            assert one_hot.argmax() == (NO_DIGIT if 1000 <= number < 1050 else number % 10) and one_hot.sum() == 1


def test_epochs_and_seeds_have_orders_of_their_own(tables):
    stream = streaming.Stream(tables, PARAMS)
    other = streaming.Stream(tables, PARAMS.model_copy(update={"seed": 1}))
    assert drawn(stream, 3) == drawn(stream, 3)
    assert drawn(stream, 3) != drawn(stream, 4) != drawn(other, 4)


def test_each_step_has_an_augmentation_of_its_own(tables):
    stream = streaming.Stream(tables, PARAMS)
    found = np.concatenate([batch.augmentation for epoch in (0, 1) for batch in stream.batches(epoch)])
    assert len(np.unique(found, axis=0)) == len(found) == 2200
    assert found.dtype == np.float32
    again = np.concatenate([batch.augmentation for batch in stream.batches(0)])
    assert np.array_equal(found[:1100], again)


def test_several_processes_see_together_the_batches_of_one(tables):
    whole = [*streaming.Stream(tables, PARAMS).batches(2)]
    parts = zip(*(streaming.Stream(tables, PARAMS, process, 4).batches(2) for process in range(4)), strict=True)
    for one, several in zip(whole, parts, strict=True):
        assert [len(part.images) for part in several] == [5] * 4
        for name in one._fields:
            assert np.array_equal(getattr(one, name), np.concatenate([getattr(part, name) for part in several]))


def test_shards_hold_the_same_pictures(tables):
    shards = [into_shards(tables[0], 3), *tables[1:]]
    assert drawn(streaming.Stream(shards, PARAMS)) == drawn(streaming.Stream(tables, PARAMS))


def test_the_buffer_holds_what_memory_allows(tables):
    half = PARAMS.model_copy(update={"max_memory_mib": MEMORY - 100 * streaming.BYTES_IN_BUFFER / 2**20})
    assert streaming.Stream(tables, half).capacity == CAPACITY - 100
    ample = PARAMS.model_copy(update={"max_memory_mib": 4000})
    assert streaming.Stream(tables, ample).capacity == 1110


def test_too_little_memory_is_refused_with_the_memory_that_is_enough(tables):
    little = PARAMS.model_copy(update={"max_memory_mib": 1.5})
    with pytest.raises(UserError, match=r"train\.max_memory_mib = 1\.5 is too little .* 20 .*50 .*non_digits") as error:
        streaming.Stream(tables, little)
    enough = int(str(error.value).split("set it to ")[1].split()[0])
    assert enough == math.ceil(MEMORY)
    assert streaming.Stream(tables, PARAMS.model_copy(update={"max_memory_mib": enough})).steps == 55


def test_fewer_pictures_than_share_a_batch_are_refused(tables):
    params = PARAMS.model_copy(update={"devices": 64})
    with pytest.raises(UserError, match=r"there are 60 pictures .* train\.devices x train\.processes = 64"):
        streaming.Stream(tables[2:], params)


def test_the_key_is_that_of_the_files_and_the_buffer(tables):
    key = streaming.Stream(tables, PARAMS).key()
    assert streaming.Stream(tables, PARAMS, 1, 2).key() == key
    assert streaming.Stream(tables, PARAMS.model_copy(update={"max_memory_mib": MEMORY + 0.1})).key() != key
    ample = [PARAMS.model_copy(update={"max_memory_mib": memory}) for memory in (MEMORY + 1, MEMORY + 8, 4000)]
    streams = [streaming.Stream(tables, params) for params in ample]
    assert len({stream.key() for stream in streams}) == 1
    assert drawn(streams[0]) == drawn(streams[1]) == drawn(streams[2])
    training_tables.write_page_cuts([numbered(30, first=1050), numbered(30, first=1081)], tables[2])
    assert streaming.Stream(tables, PARAMS).key() != key


def test_the_pipelines_data_is_streamed_where_memory_does_not_hold_it(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_table(paths.PROCESSED, numbered(500), 30)
    training_tables.write_non_digits([("train", "noise", numbered(50).images), ("test", "noise", numbered(50).images)])
    training_tables.write_page_cuts([numbered(30)])
    rows = 500 + 100 + 30 + 0  # of all files; the validation split has none
    memory = rows * training_data.BYTES_IN_MEMORY / 2**20
    train, validation = streaming.load(PARAMS.model_copy(update={"max_memory_mib": memory}))
    assert isinstance(train, Digits) and isinstance(validation, Digits)
    assert streaming.description(train) == "530 digits and 50 pictures of no digit"
    less = PARAMS.model_copy(update={"max_memory_mib": memory * 0.999, "batch_size": 1})
    with pytest.raises(UserError, match=r"train\.max_memory_mib"):
        streaming.load(less)
    monkeypatch.setattr(streaming, "READING_BYTES", 2**20)
    train, validation = streaming.load(less)
    assert streaming.description(train) == "580 pictures, streamed with 580 in memory"
    assert validation == paths.PROCESSED / "validation.parquet"
