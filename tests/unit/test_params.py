"""params.yaml is checked by name, type and range before any stage does anything."""

from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from digits.errors import UserError
from digits.params import load
from tests.imports import ROOT

SHIPPED = ROOT / "params.yaml"


def write(folder: Path, section: str, changes: dict) -> Path:
    """params.yaml as shipped, with some keys of one section changed; a value of None removes the key."""
    content = yaml.safe_load(SHIPPED.read_text())
    content[section] = {k: v for k, v in {**content[section], **changes}.items() if v is not None}
    path = folder / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


def test_the_shipped_file_is_valid():
    assert load(SHIPPED).train.epochs >= 1


@pytest.mark.parametrize(
    ("section", "changes", "words"),
    [
        ("train", {"epoch": 3}, ["train.epoch = 3 is an unknown key; did you mean epochs?"]),
        ("train", {"epochs": None}, ["train.epochs is missing"]),
        ("train", {"epochs": -1}, ["train.epochs = -1 is wrong", "greater than or equal to 1"]),
        ("train", {"epochs": 2.5}, ["train.epochs = 2.5 is wrong: Input should be a valid integer"]),
        ("train", {"epochs": "ten"}, ["train.epochs = 'ten' is wrong: Input should be a valid integer"]),
        ("train", {"epochs": True}, ["train.epochs = True is wrong: Input should be a valid integer"]),
        ("train", {"learning_rate": "fast"}, ["train.learning_rate = 'fast' is wrong: Input should be a valid number"]),
        ("ingest", {"test_fraction": 1.0}, ["ingest.test_fraction = 1.0 is wrong: Input should be less than 1"]),
        ("ingest", {"near_duplicate_distance": 0.2}, ["ingest.near_duplicate_distance = 0.2 is wrong"]),
        ("ingest", {"sources": ["folder", 5]}, ["ingest.sources.1 = 5 is wrong: Input should be a valid string"]),
        ("ingest", {"sources": "folder"}, ["ingest.sources = 'folder' is wrong: Input should be a valid list"]),
        ("ingest", {"sources": []}, ["ingest.sources = [] is wrong: List should have at least 1 item"]),
        ("ingest", {"sources": ["a", "b", "a"]}, ["ingest.sources: a, b, a: a source is listed twice"]),
        ("ingest", {"source": "folder"}, ["ingest.source is now ingest.sources, a list such as [folder]"]),
        (
            "register",
            {"min_accuracy": 98.5},
            ["register.min_accuracy = 98.5 is wrong", "less than or equal to 1"],
        ),
        (
            "train",
            {"weight_decay": float("inf")},
            ["train.weight_decay = inf is wrong: Input should be a finite"],
        ),
        ("train", {5: 3}, ["train.5"]),
        ("train", {"convolutions": []}, ["train.convolutions = [] is wrong: List should have at least 1 item"]),
        (
            "train",
            {"convolutions": [[16, 5]]},
            ["train.convolutions.0 = [16, 5] is wrong: List should have at least 3"],
        ),
        (
            "train",
            {"convolutions": [[16, 5, 0]]},
            ["train.convolutions.0.2 = 0 is wrong", "greater than or equal to 1"],
        ),
        ("train", {"convolutions": [[8, 5, 9], [8, 4, 1]]}, ["train: convolution 2 is of size 4, but 3 x 3 are left"]),
        (
            "train",
            {"precision": "half"},
            ["train.precision = 'half'", "'float32', 'mixed_bfloat16' or"],
        ),
        ("train", {"devices": 3}, ["train: batch_size = 100 is not a multiple of devices = 3"]),
        (
            "train",
            {"backend": "jax", "devices": 2, "processes": 4},
            ["train: batch_size = 100 is not a multiple of devices = 2 x processes = 4"],
        ),
        (
            "train",
            {"backend": "tensorflow", "processes": 2},
            ["train: processes = 2 needs backend = jax, not tensorflow"],
        ),
        ("presets", {"quick": 3}, ["presets.quick = 3 is wrong: Input should be a valid dictionary"]),
        (
            "presets",
            {"quick": {"epoch": 3}},
            ["presets.quick: train.epoch = 3 is an unknown key"],
        ),
        (
            "presets",
            {"quick": {"epochs": 0}},
            ["presets.quick: train.epochs = 0 is wrong", "greater than or equal to 1"],
        ),
        ("presets", {"quick": {"devices": 3}}, ["presets.quick: train: batch_size = 100 is not a multiple"]),
        ("spark", {"master": "yarn"}, ["spark.master: 'yarn' is no master: expected local[*], local[2] or an address"]),
        ("spark", {"master": "local[0]"}, ["spark.master: 'local[0]' is no master"]),
        ("spark", {"storage": "s4://b/x"}, ["spark.storage: 's4://b/x' is no storage: expected an address without"]),
        ("spark", {"storage": "s3://b/"}, ["spark.storage: 's3://b/' is no storage"]),
        ("spark", {"driver_memory": "2gb"}, ["spark.driver_memory: '2gb' is no size such as 512m or 2g"]),
        ("spark", {"executor_memory": "100m"}, ["spark.executor_memory: '100m' is no size", "of at least 450m"]),
        ("validate", {"on_bad_rows": "ignore"}, ["validate.on_bad_rows = 'ignore' is wrong", "'fail' or 'quarantine'"]),
        ("validate", {"max_quarantined": 5}, ["validate.max_quarantined = 5 is wrong: Input should be less than 1"]),
        (
            "validate",
            {"expectations": [1]},
            ["validate.expectations = [1] is wrong: Input should be a valid dictionary"],
        ),
    ],
)
def test_a_wrong_value_is_named_with_what_is_allowed(tmp_path, section, changes, words):
    with pytest.raises(UserError) as error:
        load(write(tmp_path, section, changes))
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("width", {"severity": "fatal"}, [".width.severity = 'fatal' is wrong", "'critical' or 'warning'"]),
        ("width", {"severity": None}, [".width.severity is missing"]),
        ("width", {"min": 100, "max": 50}, [".width: min = 100 is above max = 50"]),
        ("width", {"min": None}, [".width.min is missing"]),
        ("width", {"min": "small"}, [".width.min = 'small' is wrong: Input should be a valid number"]),
        ("width", {"mim": 3}, [".width.mim = 3 is an unknown key; did you mean min?"]),
        ("no_near_leak", {"min": -1}, [".no_near_leak.min = -1 is wrong", "greater than or equal to 0"]),
        ("readable", {"max": 3}, [".readable.max = 3 is an unknown key"]),
        ("frames", {"min": 1}, [".frames.min = 1 is an unknown key"]),
        ("ink", {"max": float("nan")}, [".ink.max = nan is wrong"]),
        ("drift", None, [".drift is missing"]),
        ("widht", {"min": 8}, [".widht = {'min': 8} is an unknown key", "did you mean width?"]),
        ("frames", 4, [".frames = 4 is wrong: Input should be a valid dictionary"]),
    ],
)
def test_a_wrong_bound_is_named_with_what_is_allowed(tmp_path, name, value, words):
    nested = yaml.safe_load(SHIPPED.read_text())["validate"]["expectations"]
    if isinstance(value, dict):
        value = {key: inner for key, inner in {**nested.get(name, {}), **value}.items() if inner is not None}
    changed = {key: inner for key, inner in {**nested, name: value}.items() if inner is not None}
    with pytest.raises(UserError) as error:
        load(write(tmp_path, "validate", {"expectations": changed}))
    for word in words:
        assert word in str(error.value)
    assert "params.yaml: validate.expectations." in str(error.value)


def test_a_check_that_refuses_what_ingest_may_part_is_refused(tmp_path):
    nested = yaml.safe_load(SHIPPED.read_text())["validate"]["expectations"]
    bound = {"min": 0.07, "severity": "critical"}
    with pytest.raises(UserError, match=r"no_near_leak\.min = 0\.07 is above ingest\.near_duplicate_distance = 0\.06"):
        load(write(tmp_path, "validate", {"expectations": {**nested, "no_near_leak": bound}}))
    for allowed in ({"min": 0.06, "severity": "critical"}, {"min": 0.07, "severity": "warning"}):
        load(write(tmp_path, "validate", {"expectations": {**nested, "no_near_leak": allowed}}))


def test_equal_bounds_are_valid(tmp_path):
    nested = yaml.safe_load(SHIPPED.read_text())["validate"]["expectations"]
    nested["width"] = {"min": 28, "max": 28, "severity": "warning"}
    bounds = load(write(tmp_path, "validate", {"expectations": nested})).validate_.expectations
    assert bounds.limits("width") == {"min": 28, "max": 28}
    assert bounds.severity("width") == "warning"
    assert bounds.limits("readable") == {}
    assert bounds.limits("frames") == {"max": 1}


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


def test_keys_of_earlier_versions_are_all_named_with_their_new_names(tmp_path):
    content = yaml.safe_load(SHIPPED.read_text())
    content["register"]["max_logit_difference"] = content["train"].pop("max_logit_difference")
    expectations = content["validate"]["expectations"]
    expectations["no_copies"] = expectations.pop("no_duplicates")
    content["preprocess"] = {name: content["ingest"].pop(name) for name in ("validation_fraction", "seed")}
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump(content))
    with pytest.raises(UserError) as error:
        load(path)
    renamed = (
        "register.max_logit_difference is now train.max_logit_difference",
        "validate.expectations.no_copies is now validate.expectations.no_duplicates",
        "preprocess.validation_fraction is now ingest.validation_fraction",
        "preprocess.seed is now ingest.seed",
    )
    assert all(one in str(error.value) for one in renamed)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("content", ["", "- a\n- b\n", "train: [1, 2"])
def test_a_file_that_is_no_mapping_is_refused(tmp_path, content):
    path = tmp_path / "params.yaml"
    path.write_text(content)
    with pytest.raises(UserError, match=r"params\.yaml"):
        load(path)


def test_the_message_for_a_missing_file_says_run_from_the_root(tmp_path):
    with pytest.raises(UserError, match="run from the project's root"):
        load(tmp_path / "params.yaml")


def test_scientific_notation_is_a_number_as_it_is_for_dvc(tmp_path):
    path = write(tmp_path, "train", {})
    path.write_text(path.read_text().replace("learning_rate: 0", "learning_rate: 1e-3 # 0"))
    assert load(path).train.learning_rate == 0.001


def test_a_preset_changes_what_it_names_and_nothing_else():
    params = load(SHIPPED)
    for name, changes in params.presets.items():
        assert changes
        assert params.preset(name) == params.train.model_copy(update=changes)


def test_the_message_for_an_unknown_preset_lists_the_presets():
    with pytest.raises(UserError, match=r"there is no preset 'fast'; params\.yaml has quick, standard, best"):
        load(SHIPPED).preset("fast")


def test_flat_gives_every_stages_parameters_by_the_names_that_dvc_takes():
    flat = load(SHIPPED).flat()
    assert flat["ingest.sources"] == ["mnist-5k"]
    assert "ingest.source" not in flat
    assert flat["validate.expectations.frames.max"] == 1
    assert flat["validate.expectations.label.severity"] == "critical"
    assert {name.split(".")[0] for name in flat} == {
        "ingest",
        "validate",
        "preprocess",
        "train",
        "evaluate",
        "register",
    }


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"low": 1}, "either low and high, or choices"),
        ({"low": 1, "choices": [1]}, "either low and high, or choices"),
        ({"low": 1, "high": 2, "choices": [1]}, "either low and high, or choices"),
        ({"low": 2, "high": 1}, "low = 2.* is not below high = 1"),
        ({"low": 0, "high": 1, "log": True}, "log needs a low above 0"),
        ({"low": 0, "high": 1, "step": 1}, "step = 1 is an unknown key"),
    ],
)
def test_a_wrong_range_of_a_search_is_named(tmp_path, wrong, words):
    with pytest.raises(UserError, match=rf"tune\.ranges\.shift.*{words}"):
        load(write(tmp_path, "tune", {"ranges": {"shift": wrong}}))


def test_a_range_of_whole_numbers_stays_one(tmp_path):
    found = load(
        write(tmp_path, "tune", {"ranges": {"epochs": {"low": 2, "high": 8}, "shift": {"low": 1, "high": 2.5}}})
    )
    assert [type(bound) for one in found.tune.ranges.values() for bound in (one.low, one.high)] == [
        int,
        int,
        int,
        float,
    ]


def test_a_range_of_no_parameter_is_named(tmp_path):
    with pytest.raises(UserError, match=r"tune\.ranges\.shfit is no parameter of train"):
        load(write(tmp_path, "tune", {"ranges": {"shfit": {"low": 1, "high": 2}}}))


def test_every_value_has_a_comment():
    lines = SHIPPED.read_text().splitlines()
    for before, line in pairwise(lines):
        if line.startswith("  ") and not line.strip().startswith("#"):
            assert "#" in line or before.strip().startswith("#"), f"no comment: {line}"
