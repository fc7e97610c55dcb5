"""A stage whose data are missing ends in a message that names the file and the command that restores it.

Of `train`, which imports Keras, tests/system/test_output.py checks that.
"""

import pytest

from digits import errors, paths
from pipeline import evaluate, preprocess, validate
from tests.raw import validated


@pytest.mark.parametrize(
    ("stage", "folder"),
    [(validate, paths.RAW), (preprocess, paths.RAW), (evaluate, paths.PROCESSED)],
    ids=["validate", "preprocess", "evaluate"],
)
def test_a_missing_folder_names_dvc_checkout(workspace, constant_model, capsys, stage, folder):
    validated()
    paths.NETWORK.parent.mkdir()
    constant_model(3).rename(paths.NETWORK)
    assert errors.exit_status(stage.main) == 1
    message = capsys.readouterr().err
    assert message.startswith(f"error: {folder}")  # the folder, or the file in it that is read first
    assert "does not exist" in message
    assert "`dvc checkout`" in message
