"""A training whose data cannot be read ends with the error that names the file. Ten seconds."""

import re

import pytest

from digits.errors import UserError
from digits.model import streaming
from digits.params import load
from tests.imports import ROOT
from tests.unit.data.test_stream import numbered, write_table

PARAMS = load(ROOT / "params.yaml").train.model_copy(
    update={"convolutions": [[8, 5, 2]], "epochs": 1, "batch_size": 50}
)


def test_a_file_that_is_damaged_during_training_is_named(tmp_path):
    from digits.model import network, training

    table = write_table(tmp_path, numbered(500), 50)
    stream = streaming.Stream([table], PARAMS)
    content = bytearray(table.read_bytes())
    content[100:5000] = bytes(4900)
    table.write_bytes(content)
    with pytest.raises(UserError, match=re.escape(str(table))):
        training.fit(network.build(PARAMS), stream, numbered(100), PARAMS, lambda *_: None, None)
