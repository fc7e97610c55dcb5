"""Which stages differ between two locks, and what is said of a file that can't be read. 0.1 s."""

import pytest

from digits.errors import UserError
from digits.vcs import snapshots
from digits.vcs.snapshots import Snapshot, StageChange


def lock(**md5s: str) -> Snapshot:
    """A snapshot of a train and an evaluate stage, with the hashes of the files that are named."""

    def files(*names: str) -> list[dict[str, str]]:
        return [{"path": f"a/{name}", "md5": md5s[name]} for name in names if name in md5s]

    train = {
        "deps": files("code"),
        "params": {"params.yaml": {"train.epochs": md5s.get("epochs")}},
        "outs": files("model"),
    }
    evaluate = {"deps": [{"path": "a/model/part", "md5": md5s["model"]}], "outs": files("plot")}
    return Snapshot({}, {}, {"train": train, "evaluate": evaluate})


BEFORE = {"code": "1", "model": "1", "plot": "1"}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, {}),
        ({"code": "2"}, {}),  # the same results
        ({"model": "2"}, {"train": StageChange(["a/model"], [], [])}),  # on another machine
        ({"model": "2", "code": "2"}, {"train": StageChange(["a/model"], ["a/code"], [])}),
        ({"model": "2", "epochs": "2"}, {"train": StageChange(["a/model"], ["params.yaml"], [])}),
        (
            {"model": "2", "plot": "2"},
            {"train": StageChange(["a/model"], [], []), "evaluate": StageChange(["a/plot"], [], ["train"])},
        ),
    ],
)
def test_a_stage_has_the_outputs_and_the_inputs_that_differ(changes, expected):
    assert snapshots.changed_stages(lock(**BEFORE), lock(**BEFORE | changes)) == expected


def test_an_input_that_is_new_is_named_and_not_the_stage_that_wrote_the_same():
    before, after = lock(**BEFORE), lock(**BEFORE | {"plot": "2"})
    before.stages["evaluate"]["deps"].clear()
    assert snapshots.changed_stages(before, after) == {"evaluate": StageChange(["a/plot"], ["a/model/part"], [])}


def test_an_output_that_one_side_lacks_differs():
    fewer = lock(**{name: md5 for name, md5 in BEFORE.items() if name != "plot"})
    for sides in ((lock(**BEFORE), fewer), (fewer, lock(**BEFORE))):
        assert snapshots.changed_stages(*sides) == {"evaluate": StageChange(["a/plot"], [], [])}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "metrics/evaluate.json",
            "<<<<<<< HEAD",
            r"^metrics/evaluate\.json of the working tree can't be read: Expecting",
        ),
        (
            "metrics/train.json",
            "[1]",
            r"^metrics/train\.json of the working tree should have keys with values, and is a list",
        ),
        ("params.yaml", "train: [", r"^params\.yaml of the working tree can't be read: while parsing"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(tmp_path, monkeypatch, name, content, words):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "metrics").mkdir()
    (tmp_path / name).write_text(content)
    with pytest.raises(UserError, match=words):
        snapshots.read(None)


def test_files_that_are_not_there_have_no_values(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert snapshots.read(None) == Snapshot({}, {}, {})
