"""The whole pipeline on 200 pictures in a scratch project: outputs, repeated and forced runs, experiments, predictions.

The tests run in their order: each continues where the one before it ended.
"""

import json
import os
import re
import signal
import time
import urllib.request
from pathlib import Path

import mlflow
import numpy as np
import pytest
import yaml

from digits.client import Client
from digits.data import pictures, processed_tables
from digits.files import digest
from digits.model.classifier import Classifier
from digits.tracking import learned_pictures
from digits.tracking.record import RUN_FILES
from tests.loopback import free_port, wait_for
from tests.tracking_store import client_of, runs_of


@pytest.fixture(scope="module")
def client(trained):
    """MLflow's client on the project's store."""
    return client_of(f"sqlite:///{trained.root}/mlflow.db")


def weights_of(trained) -> str:
    return digest(trained.root / "models" / "digits.weights.h5", "sha256")


def test_one_command_runs_all_stages(trained_template):
    printed = (trained_template.parent / "printed").read_text()
    assert "ingested 200 pictures from folder: 112 train, 48 validation, 40 test" in printed
    assert re.search(r"of \d+ expectations pass for 200 pictures", printed)
    assert "epoch  15/15" in printed
    assert "version 1 is champion" in printed
    assert "next: `digits predict PICTURE`" in printed
    assert "Traceback" not in printed
    assert "cuda" not in printed
    assert "Warning" not in printed


def test_one_run_has_the_training_the_evaluation_and_the_data(trained, client):
    (run,) = runs_of(client)
    assert run.info.status == "FINISHED"
    assert run.data.tags["weights_sha256"] == weights_of(trained)
    assert run.data.tags["git_commit"] == trained.git("rev-parse", "HEAD~1").strip()
    assert run.data.params["train.epochs"] == "15"
    assert run.data.params["ingest.sources"] == "['folder']"
    evaluated = json.loads((trained.root / "metrics" / "evaluate.json").read_text())["test"]
    assert run.data.metrics["test_accuracy"] == evaluated["accuracy"]
    assert [point.step for point in client.get_metric_history(run.info.run_id, "val_loss")] == [*range(1, 16)]
    assert any(name.startswith("system/cpu") for name in run.data.metrics)
    assert {one.dataset.digest for one in run.inputs.dataset_inputs} == {
        digest(trained.root / "data" / "processed" / f"{split}.parquet", "md5") for split in ("train", "validation")
    }
    assert run.info.run_name == "baseline"


def test_the_run_has_parameters_tags_and_artifacts(trained, client):
    (run,) = runs_of(client)
    stages = {"ingest", "validate", "preprocess", "train", "evaluate", "register"}
    assert {key.split(".")[0] for key in run.data.params} == stages
    assert run.data.tags["git_dirty"] == "no"
    assert run.data.tags["dvc_experiment"] == "none: dvc repro"
    lock = yaml.safe_load((trained.root / "dvc.lock").read_text())["stages"]
    for path in ("data/raw", "data/processed", "data/interim/profile.json"):
        (md5,) = {out["md5"] for stage in lock.values() for out in stage["outs"] if out["path"] == path}
        assert run.data.tags[f"dvc.{path}"] == md5
    kept = {
        "figures": {path.name for path in RUN_FILES["figures"]},
        "evaluation": {"evaluation.html", "predictions.csv"},
        "metrics": {"evaluate.json"},
        "validation": {"validate.json", "validation.html", "profile.json"},
        "environment": {"requirements.txt", "installed.txt"},
        "weights": {"digits.weights.h5"},
        "data": {"train_pictures.parquet", "README.md"},
        "models": {"README.md"},
    }
    for folder, names in kept.items():
        found = {Path(artifact.path).name for artifact in client.list_artifacts(run.info.run_id, folder)}
        assert found == names, folder


def test_the_version_has_signature_example_and_tags(trained, client):
    version = client.get_model_version_by_alias("digits", "champion")
    registered = json.loads((trained.root / "models" / "registered.json").read_text())
    acceptance = json.loads((trained.root / "metrics" / "evaluate.json").read_text())["acceptance"]
    (run,) = runs_of(client)
    assert len(run.data.tags["registration_sha256"]) == 64  # of all that was logged
    assert run.data.tags["promotion"].startswith("version 1 is champion: ")
    pictures = processed_tables.read_picture_hashes("train", trained.root / "data" / "processed")
    ingest = yaml.safe_load((trained.root / "params.yaml").read_text())["ingest"]
    rule = {
        "rule": 1,
        **{key: ingest[key] for key in ("seed", "test_fraction", "validation_fraction", "near_duplicate_distance")},
    }
    assert version.tags == {
        "weights_sha256": weights_of(trained),
        "network_sha256": digest(trained.root / "models" / "network.onnx", "sha256"),
        "onnx_sha256": digest(trained.root / "models" / "digits.onnx", "sha256"),
        "validation_md5": digest(trained.root / "metrics" / "validate.json", "md5"),
        "train_md5": digest(trained.root / "data" / "processed" / "train.parquet", "md5"),
        "test_md5": digest(trained.root / "data" / "processed" / "test.parquet", "md5"),
        "accuracy": str(registered["accuracy"]),
        "validation_split_md5": digest(trained.root / "data" / "processed" / "validation.parquet", "md5"),
        "sources": "folder",
        "train_pictures_sha256": learned_pictures.content_hash(pictures),
        **{f"split_{key}": str(value) for key, value in rule.items()},
        "git_commit": trained.git("rev-parse", "HEAD~1").strip(),
        "gates_missed": "none",
        **{key: str(acceptance[key]) for key in ("certified_error", "certified_at", "certificate_digits")},
        "certificate": "valid",
        "certified_on": digest(trained.root / "data" / "processed" / "validation.parquet", "md5"),
        "certificate_checked": version.tags["certificate_checked"],
    }
    model = Path(champion_of(client))
    content = yaml.safe_load((model / "MLmodel").read_text())
    (accepted,), returned = (json.loads(content["signature"][side]) for side in ("inputs", "outputs"))
    assert accepted["tensor-spec"] == {"dtype": "uint8", "shape": [-1, 28, 28]}
    expected = {"probabilities": ("float32", [-1, 10]), "logits": ("float32", [-1, 10])}
    expected |= {"score": ("float32", [-1]), "accepted": ("bool", [-1])}
    assert {one["name"]: tuple(one["tensor-spec"].values()) for one in returned} == expected
    assert (model / content["saved_input_example_info"]["artifact_path"]).is_file()


def test_the_exported_file_was_compared_with_the_trained_network(trained, client):
    difference = json.loads((trained.root / "metrics" / "train.json").read_text())["max_logit_difference"]
    assert 0 < difference < 1e-4
    (run,) = runs_of(client)
    assert run.data.metrics["max_logit_difference"] == difference


def test_the_lineage_of_the_champion_is_complete(trained, client):
    printed = trained.run("digits", "lineage")
    (run,) = runs_of(client)
    assert "✗" not in printed
    assert "✓ version     digits 1 (champion)" in printed
    assert f"✓ run         {run.info.run_id}" in printed
    onnx = digest(trained.root / "models" / "digits.onnx", "sha256")
    assert f"✓ model       SHA-256 {onnx}" in printed
    assert f"✓ code        commit {trained.git('rev-parse', 'HEAD~1')[:12]} “scratch”" in printed
    data = digest(trained.root / "data" / "processed" / "train.parquet", "md5")
    head = trained.git("rev-parse", "HEAD")[:12]
    assert f"data/processed/train.parquet MD5 {data}, named by dvc.lock of {head}" in printed
    assert "from folder" in printed
    report = digest(trained.root / "metrics" / "validate.json", "md5")
    assert f" expectations passed for 200 pictures, 0 quarantined; MD5 {report}; report " in printed


def test_missing_links_of_the_lineage_are_reported(trained, client):
    (run,) = runs_of(client)
    cache = trained.root / ".dvc" / "cache" / "files" / "md5"
    data = digest(trained.root / "data" / "processed" / "train.parquet", "md5")
    lock = yaml.safe_load((trained.root / "dvc.lock").read_text())["stages"]
    raw = next(out["md5"] for out in lock["ingest"]["outs"] if out["path"] == "data/raw")
    version = client.get_model_version_by_alias("digits", "champion")
    moved = [
        cache / data[:2] / data[2:],
        cache / raw[:2] / raw[2:],
        Path(run.info.artifact_uri.removeprefix("file://")) / "validation" / "validate.json",
    ]
    client.set_model_version_tag("digits", version.version, "git_commit", "0" * 40)
    for path in moved:
        path.rename(path.with_name("away"))
    printed = trained.run("digits", "lineage", fails=True)
    client.set_model_version_tag("digits", version.version, "git_commit", version.tags["git_commit"])
    for path in moved:
        path.with_name("away").rename(path)
    assert re.findall("✗ (.+?)  ", printed) == ["code", "trained on", "raw data", "validation"]
    assert "error: the chain of models:/digits@champion is broken at 4 of its links:" in printed
    assert "Traceback" not in printed


def test_a_deleted_run_of_the_lineage_is_reported(trained, client):
    (run,) = runs_of(client)
    client.delete_run(run.info.run_id)
    printed = trained.run("digits", "lineage", fails=True)
    client.restore_run(run.info.run_id)
    assert "✗ run" in printed
    assert "Traceback" not in printed


def test_changed_code_is_named_with_the_commit_that_has_it(trained, client):
    version = client.get_model_version_by_alias("digits", "champion")
    source = trained.root / "digits" / "model" / "network.py"
    text = source.read_text()
    first = trained.git("commit-tree", "-m", "other code", trained.git("write-tree").strip()).strip()
    source.write_text(text + "# changed\n")
    trained.git("add", "digits/model/network.py")
    other = trained.git("commit-tree", "-m", "other code", trained.git("write-tree").strip()).strip()
    trained.run("dvc", "commit", "--force", "train")  # its dvc.lock is of its code, and of the same data
    trained.git("add", "dvc.lock")
    own = trained.git("commit-tree", "-m", "own code", trained.git("write-tree").strip()).strip()
    trained.git("reset", "--quiet", "--hard")
    dirty = client.get_run(version.run_id).data.tags["git_dirty"]
    for commit, changed, words in (
        (first, dirty, "✓ code"),
        (other, "no", f"“other code” with changes, kept by {_head(trained)}"),
        (own, "no", "“own code”\n"),
    ):
        client.set_model_version_tag("digits", version.version, "git_commit", commit)
        client.set_tag(version.run_id, "git_dirty", changed)
        assert words in trained.run("digits", "lineage")
    client.set_model_version_tag("digits", version.version, "git_commit", version.tags["git_commit"])
    client.set_tag(version.run_id, "git_dirty", dirty)


def _head(trained) -> str:
    return trained.git("rev-parse", "HEAD")[:12]


def test_the_champions_training_data_become_the_drift_reference(trained, client):
    printed = trained.run("digits", "data", "reference")
    assert "data/reference.json is now the profile of the training data of version 1" in printed
    profile = trained.root / "data" / "interim" / "profile.json"
    reference = trained.root / "data" / "reference.json"
    assert reference.read_bytes() == profile.read_bytes()
    # As after a statistic was added, which changes no model: that of the version's run lacks it
    changed = json.loads(profile.read_text())
    del changed["statistics"]["ink"]
    profile.unlink()
    profile.write_text(json.dumps(changed))
    trained.run("digits", "data", "reference")
    assert reference.read_bytes() == profile.read_bytes()
    trained.run("dvc", "checkout", "--force", str(profile))
    reference.write_bytes(profile.read_bytes())
    printed = trained.run("dvc", "repro")
    assert "drift" not in printed  # what differs from the default's digits does not differ from its own
    assert "version 1 is the champion already" in printed
    assert "✗" not in trained.run("digits", "lineage")
    trained.commit()


def test_a_second_run_has_nothing_to_do(trained):
    assert "Data and pipelines are up to date." in trained.run("dvc", "status", "evaluate")
    printed = trained.run("dvc", "repro")
    assert re.findall("Running stage '(.+)'", printed) == ["register"]  # DVC cannot know what the store holds
    assert "the registry holds this model already" in printed
    assert trained.git("status", "--porcelain") == ""


RUN_STAGES = """
import importlib, sys

for stage in ("ingest", "preprocess", "evaluate", "register", "validate"):
    importlib.import_module(f"pipeline.{stage}").main()
    print("heavy:", stage, *sorted({"tensorflow", "mlflow", "great_expectations"} & set(sys.modules)))
"""


def test_a_stage_imports_only_what_it_uses(trained):
    """The stages run in one process, the one that uses a heavy library last: none before it has loaded any."""
    printed = trained.run("python", "-c", RUN_STAGES)
    loaded = [line.split()[1:] for line in printed.splitlines() if line.startswith("heavy: ")]
    light = [["ingest"], ["preprocess"], ["evaluate"], ["register"]]
    assert loaded == [*light, ["validate", "great_expectations"]]


def test_a_changed_picture_is_noticed(trained):
    picture = trained.root / "data" / "external" / "3" / "000.png"
    data = picture.read_bytes()
    picture.unlink()  # the file may be a link into DVC's cache
    picture.write_bytes(pictures.encode_png(pictures.decode(data).pixels[::-1, ::-1].copy()))
    assert ".external" in trained.run("dvc", "status", "ingest")
    picture.write_bytes(data)


def test_a_picture_is_classified_by_the_champion(trained, client):
    digit = pictures.decode_canonical(next((trained.root / "data" / "external" / "0").iterdir()).read_bytes())
    expected = mlflow.pyfunc.load_model(champion_of(client)).predict(digit[None])["probabilities"][0]
    picture = trained.root / "dark ink on white paper.png"
    picture.write_bytes(pictures.encode_png(255 - digit))
    line = json.loads(trained.run("digits", "predict", "--json", str(picture)).splitlines()[-1])
    assert line["label"] == int(expected.argmax())
    assert line["probabilities"] == pytest.approx(expected.tolist(), abs=1e-5)
    printed = trained.run("digits", "predict", str(picture), cwd=trained.root / "data")
    answer = f"is {line['label']}  (" if line["accepted"] else f"refused, guess {line['label']} ("
    assert f"{picture}  {answer}" in printed
    assert all(f"{digit}: " in printed for digit in range(10))


def test_classifying_a_picture_does_not_import_tensorflow(trained):
    picture = str(next((trained.root / "data" / "external" / "0").iterdir()))
    code = (
        "import sys; from digits.cli import commands; "
        f"[commands([name, {picture!r}], standalone_mode=False) for name in ('predict', 'read')]; "
        "print(sorted({'tensorflow', 'keras', 'great_expectations'} & set(sys.modules)))"
    )
    assert trained.run("python", "-c", code).splitlines()[-1] == "[]"


def test_the_service_mlflows_server_and_the_classifier_give_the_same_probabilities(trained, client):
    picture = next((trained.root / "data" / "external" / "5").iterdir())
    digit = pictures.decode_canonical(picture.read_bytes())
    own, mlflows = free_port(), free_port()
    with (
        trained.start("digits", "serve", "--port", str(own), start_new_session=True) as service,
        trained.start("digits", "serve", "--mlflow", "--port", str(mlflows), start_new_session=True) as server,
    ):
        try:
            wait_for(mlflows, seconds=90)
            response = post(mlflows, {"inputs": digit[None].tolist()})
            with Client(f"http://127.0.0.1:{own}") as asking:
                (predicted,) = asking.predict(picture)
                description = asking.model()
        finally:
            for process in (service, server):
                os.killpg(process.pid, signal.SIGKILL)
    version = client.get_model_version_by_alias("digits", "champion")
    assert (description["version"], description["sha256"]) == (str(version.version), version.tags["onnx_sha256"])
    expected = Classifier(Path(champion_of(client)) / "model.onnx").predict(digit[None]).probabilities
    assert np.allclose(response["predictions"]["probabilities"], expected, atol=1e-5)
    assert np.allclose(predicted.probabilities, expected, atol=1e-5)


def champion_of(client) -> str:
    version = client.get_model_version_by_alias("digits", "champion")
    return client.get_logged_model(version.source.removeprefix("models:/")).artifact_location.removeprefix("file://")


def post(port: int, content: dict) -> dict:
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations",
        data=json.dumps(content).encode(),
        headers={"Content-Type": "application/json"},
    )
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return json.load(response)
        except OSError:  # the port may be open before the server answers
            if time.monotonic() > end:
                raise
            time.sleep(0.5)
