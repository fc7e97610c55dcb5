"""The house rules: who may import whom, what DVC knows of each stage, and that nothing reports to anybody."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.imports import ROOT, imported_modules, project_files

STAGES = ["ingest", "validate", "preprocess", "train", "evaluate", "register"]
DVC = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
MODULES = [*ROOT.glob("digits/**/*.py"), *ROOT.glob("pipeline/*.py")]

# A library, and the only places that may know it.
OWNERS = {
    "mlflow": "digits/tracking",
    "great_expectations": "digits/expectations.py",
    "keras": "digits/network.py",
    "tensorflow": "digits/training.py",
    "onnx": ("digits/onnx_export.py", "digits/tracking"),
    "onnxruntime": "digits/inference.py",
    "fsspec": "digits/sources.py",
    "pydantic": "digits/params.py",
    "matplotlib": "digits/figures.py",
    "PIL": "digits/pictures.py",
    "cv2": "digits/pictures.py",
    "jinja2": "digits/pages.py",
    "dvc": ("digits/versions.py", "digits/experiments.py"),
    "optuna": "digits/tuning.py",
    "click": "digits/cli.py",
}


def test_the_stages_are_the_scripts_in_the_order_of_the_walk():
    assert list(DVC) == STAGES
    assert sorted(path.stem for path in (ROOT / "pipeline").iterdir() if path.suffix == ".py") == sorted(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stages_deps_are_the_files_it_imports(stage):
    declared = {dep for dep in DVC[stage]["deps"] if dep.endswith(".py")}
    assert declared == project_files(ROOT / "pipeline" / f"{stage}.py")


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_description_its_own_parameters_and_outputs(stage):
    content = DVC[stage]
    assert content["desc"]
    assert content["params"] == ([stage, "train"] if stage == "evaluate" else [stage])
    assert content["cmd"] == f"python -m pipeline.{stage}"
    assert content.get("outs") or content.get("metrics")


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_library_is_known_in_one_place(path):
    place = path.relative_to(ROOT).as_posix()
    for name in imported_modules(path):
        owner = OWNERS.get(name.split(".")[0])
        assert owner is None or place.startswith(owner), f"{place} imports {name}, which {owner} owns"


def test_the_library_never_imports_the_pipeline():
    for path in ROOT.glob("digits/**/*.py"):
        assert not [name for name in imported_modules(path) if name.split(".")[0] == "pipeline"], path


@pytest.mark.parametrize("module", ["canonical", "scores", "inference", "terminal", "errors", "files"])
def test_what_knows_only_arrays_or_the_system_imports_nothing_of_ours(module):
    assert project_files(ROOT / "digits" / f"{module}.py") == {f"digits/{module}.py"}


def test_reading_a_picture_needs_the_canonical_digit_and_nothing_else_of_ours():
    found = project_files(ROOT / "digits" / "pictures.py")
    assert found == {"digits/__init__.py", "digits/canonical.py", "digits/pictures.py"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_every_module_says_what_it_is(path):
    import ast

    assert path.name == "__init__.py" or ast.get_docstring(ast.parse(path.read_text()))


def test_importing_the_command_line_loads_no_heavy_library():
    code = "import digits.cli, sys; print({'mlflow', 'tensorflow', 'keras', 'pandas', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_every_library_is_told_to_say_nothing():
    code = "import os, digits; print(*(os.environ[n] for n in ('MLFLOW_DISABLE_TELEMETRY', 'GX_ANALYTICS_ENABLED')))"
    clean = {name: value for name, value in os.environ.items() if "TELEMETRY" not in name and "ANALYTICS" not in name}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=clean, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["true", "false"]
    settings = (ROOT / ".dvc" / "config").read_text()
    assert "analytics = false" in settings
    assert "check_update = false" in settings


def test_the_lock_has_hashes_and_no_addresses():
    lock = (ROOT / "requirements.txt").read_text()
    assert "://" not in lock
    packages = [line for line in lock.splitlines() if line and not line.startswith((" ", "#"))]
    assert len(packages) > 100
    assert all(line.endswith("\\") for line in packages), "a package without a hash"


def test_no_large_file_is_tracked():
    tracked = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    for name in filter(None, tracked.split("\0")):
        path = Path(ROOT / name)
        assert path.is_symlink() or not path.exists() or path.stat().st_size < 2**20, f"{name} belongs to DVC"
