"""params.yaml is checked by name, type and range before any stage does anything."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from digits.errors import UserError
from digits.params import flatten, load

SHIPPED = Path(__file__).parents[2] / "params.yaml"


def write(folder: Path, section: str, changes: dict) -> Path:
    """params.yaml as shipped, with some keys of one section changed; a value of None removes the key."""
    content = yaml.safe_load(SHIPPED.read_text())
    content[section] = {k: v for k, v in {**content[section], **changes}.items() if v is not None}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_shipped_file_holds():
    assert load(SHIPPED).train.epochs >= 1


@pytest.mark.parametrize(
    ("section", "changes", "words"),
    [
        ("train", {"epoch": 3}, ["train.epoch = 3 is an unknown key", "did you mean epochs?", "batch_size"]),
        ("train", {"epochs": None}, ["train.epochs is missing", "a whole number at least 1"]),
        ("train", {"epochs": -1}, ["train.epochs = -1 is wrong", "a whole number at least 1 and at most 10000"]),
        ("train", {"epochs": 2.5}, ["train.epochs = 2.5 is wrong", "a whole number"]),
        ("train", {"epochs": "ten"}, ["train.epochs = 'ten' is wrong", "a whole number"]),
        ("train", {"epochs": True}, ["train.epochs = True is wrong", "a whole number"]),
        ("train", {"learning_rate": "fast"}, ["train.learning_rate = 'fast' is wrong", "a number more than 0"]),
        ("ingest", {"test_fraction": 1.0}, ["ingest.test_fraction = 1.0 is wrong", "more than 0 and less than 1"]),
        ("ingest", {"source": 5}, ["ingest.source = 5 is wrong", "a text"]),
        ("register", {"min_accuracy": 98.5}, ["register.min_accuracy = 98.5 is wrong", "at most 1"]),
        ("validate", {"min_side": 100, "max_side": 50}, ["validate: min_side = 100 is above max_side = 50"]),
        ("train", {"weight_decay": float("inf")}, ["train.weight_decay = inf is wrong"]),
        ("train", {5: 3}, ["train.5"]),
        ("validate", {"min_ink": -0.1}, ["validate.min_ink = -0.1 is wrong", "at least 0"]),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path, section, changes, words):
    with pytest.raises(UserError) as error:
        load(write(tmp_path, section, changes))
    for word in words:
        assert word in str(error.value)


def test_every_wrong_key_is_named_at_once(tmp_path):
    with pytest.raises(UserError) as error:
        load(write(tmp_path, "train", {"epochs": 0, "bacth_size": 7, "seed": None}))
    assert [key in str(error.value) for key in ("train.epochs", "train.bacth_size", "train.seed")] == [True] * 3


def test_a_missing_section_and_an_unknown_one_are_named(tmp_path):
    content = yaml.safe_load(SHIPPED.read_text())
    content["trian"] = content.pop("train")
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError, match=r"train is missing.*\n.*trian = .* is an unknown key; did you mean train\?"):
        load(path)


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "train: [1, 2"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"params\.yaml"):
        load(path)


def test_a_missing_file_says_where_to_run(tmp_path):
    with pytest.raises(UserError, match="run from the project's root"):
        load(tmp_path / "params.yaml")


def test_scientific_notation_is_a_number_as_it_is_for_dvc(tmp_path):
    path = write(tmp_path, "train", {})
    path.write_text(path.read_text().replace("learning_rate: 0", "learning_rate: 1e-3 # 0"))
    assert load(path).train.learning_rate == 0.001


def test_flatten_gives_the_names_that_dvc_takes():
    flat = flatten(load(SHIPPED), ("ingest", "train"))
    assert flat["ingest.source"] == "mnist-5k"
    assert {name.split(".")[0] for name in flat} == {"ingest", "train"}


def test_every_value_has_its_reason_beside_it():
    lines = SHIPPED.read_text().splitlines()
    for before, line in pairwise(lines):
        if line.startswith("  ") and not line.strip().startswith("#"):
            assert "#" in line or before.strip().startswith("#"), f"no reason beside: {line}"
