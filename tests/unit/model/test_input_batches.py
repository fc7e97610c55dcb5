"""A stream whose data cannot be read ends with the error that names the file, on either backend. Ten seconds."""

import re

import pytest

from digits.errors import UserError
from digits.model import streaming
from digits.params import load
from tests.imports import ROOT
from tests.numbered import numbered, write_table

PARAMS = load(ROOT / "params.yaml").train.model_copy(
    update={"convolutions": [[8, 5, 2]], "epochs": 1, "batch_size": 50}
)


@pytest.fixture
def damaged(tmp_path):
    """A stream, and its table, which is damaged once it has begun."""
    table = write_table(tmp_path, numbered(500), 50)
    stream = streaming.Stream([table], PARAMS)
    content = bytearray(table.read_bytes())
    content[100:5000] = bytes(4900)
    table.write_bytes(content)
    return stream, table


def test_a_file_that_is_damaged_during_training_is_named_on_jax(damaged, monkeypatch):
    stream, table = damaged
    from digits.model import input_batches  # it imports Keras

    monkeypatch.setattr(input_batches, "BACKEND", "jax")
    with (
        pytest.raises(UserError, match=re.escape(str(table))),
        input_batches.Streamed(stream).epoch(0) as arguments,
    ):
        list(arguments["x"])


def test_a_file_that_is_damaged_during_training_is_named(damaged):
    from digits.model import network, training

    stream, table = damaged
    with pytest.raises(UserError, match=re.escape(str(table))):
        training.fit(network.build(PARAMS), stream, numbered(100), PARAMS, lambda *_: None, None)
