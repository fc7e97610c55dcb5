"""The default pipeline, run by the commands of the tutorial: the only whole pipeline of the fast tier."""

import json

import numpy as np
import pytest
import yaml

from digits.data import pictures
from tests import data_dictionary, documentation, scratch
from tests.imports import ROOT
from tests.tracking_store import client_of, runs_of

COMMANDS = documentation.up_to_repro(documentation.read(ROOT / "docs" / "tutorial.md").to_run)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project as a fresh clone has it after `make setup`."""
    return scratch.with_environment(scratch.from_working_tree(tmp_path_factory.mktemp("default") / "digits"))


@pytest.fixture(scope="module")
def printed(project):
    """The output of the tutorial up to `make repro`."""
    with documentation.Reader(project) as reader:
        return reader.follow(COMMANDS)


@pytest.fixture(scope="module")
def made(project, printed):
    """The project after it."""
    return project


def test_one_command_runs_all_stages(printed):
    assert "ingested 5,000 pictures from mnist-5k: 3,640 train, 420 validation, 940 test" in printed
    assert " expectations pass for 5,000 pictures" in printed
    assert "version 1 is champion: it passes every gate, with a test accuracy of " in printed
    assert "next: `digits predict PICTURE`" in printed
    for word in ("Traceback", "cuda", "Warning", "warning"):
        assert word not in printed


def test_its_accuracy_meets_the_floor_on_every_machine(made):
    test = json.loads((made.root / "metrics" / "evaluate.json").read_text())["test"]
    floor = yaml.safe_load((made.root / "params.yaml").read_text())["register"]["min_accuracy"]
    assert test["accuracy"] >= floor >= 0.985
    assert test["log_loss"] < 0.2


def test_every_declared_output_is_there(made):
    stages = yaml.safe_load((made.root / "dvc.yaml").read_text())["stages"]
    for stage in stages.values():
        for kind in ("outs", "metrics", "plots"):
            for out in stage.get(kind, []):
                assert (made.root / (out if isinstance(out, str) else next(iter(out)))).exists(), out


def test_the_data_dictionary_describes_what_was_written(made):
    described = [(file, of) for file, of in data_dictionary.entries().items() if (made.root / file).exists()]
    assert len(described) >= 20
    assert [one for file, of in described for one in data_dictionary.differences(made.root, file, of)] == []


def test_one_model_has_one_run_and_one_version(made):
    client = client_of(f"sqlite:///{made.root}/mlflow.db")
    (run,) = runs_of(client)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "baseline")
    (version,) = client.search_model_versions("name = 'digits'")
    assert version.run_id == run.info.run_id


def test_the_champion_classifies_a_picture(made, mnist_digits):
    picture = made.root / "seven.png"
    picture.write_bytes(pictures.encode_png(255 - mnist_digits.images[mnist_digits.labels == 7][0]))
    assert json.loads(made.run("digits", "predict", "--json", str(picture)).splitlines()[-1])["label"] == 7


def test_the_champion_reads_a_page(made, mnist_digits):
    """Costs 2 s: the command with the registry, and 0.1 s of reading."""
    first = [np.flatnonzero(mnist_digits.labels == label)[0] for label in (3, 4, 1, 5, 7, 8)]
    images = [255 - np.pad(image, 4) for image in mnist_digits.images[first]]
    (made.root / "page.png").write_bytes(pictures.encode_png(np.vstack([np.hstack(images[:3]), np.hstack(images[3:])])))
    printed = made.run("digits", "read", str(made.root / "page.png"), "--show", str(made.root / "shown.png"))
    assert "certificate of version 1: " in printed
    assert [line.replace(" ", "") for line in printed.splitlines()[-2:]] == ["341", "578"]
    assert (made.root / "shown.png").exists()
