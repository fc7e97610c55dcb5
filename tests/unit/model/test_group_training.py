"""What a training in several processes leaves where it is ended."""

import pytest

from digits.model import group_training
from digits.params import load
from tests.imports import ROOT

PARAMS = load(ROOT / "params.yaml").train.model_copy(update={"processes": 2})


def test_no_incomplete_checkpoint_is_left(tmp_path, monkeypatch):
    def interrupted(*_):
        (tmp_path / ".partial-checkpoint.npz").touch()  # process 0 was ended while it wrote
        raise KeyboardInterrupt

    (tmp_path / "checkpoint.npz").touch()
    monkeypatch.setattr(group_training.process_group, "run", interrupted)
    with pytest.raises(KeyboardInterrupt):
        group_training.fit(PARAMS, lambda size: None, lambda *_: None, tmp_path / "checkpoint.npz")
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
