"""The rules of the codebase: who imports a library, each stage's dependencies in dvc.yaml, and no usage statistics.

Imports between the packages are checked by import-linter, by the contracts in pyproject.toml.
"""

import ast
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

# Each library, and the only files or folders that may import it
OWNERS = {
    "mlflow": "digits/tracking/",
    "great_expectations": "digits/validation/run.py",
    "cleanlab": "digits/evaluation/labels.py",
    "fairlearn": "digits/evaluation/slices.py",
    "keras": "digits/model/",
    "tensorflow": "digits/model/",
    "jax": "digits/model/",
    "onnx": (
        "digits/export/tensors.py",
        "digits/model/acceptance.py",
        "digits/model/export.py",
        "digits/model/model_file.py",
        "digits/tracking/",
    ),
    "onnxruntime": "digits/model/classifier.py",
    "fsspec": ("digits/data/labelled_parquet.py", "digits/data/shards.py", "digits/data/sources.py"),
    "pyspark": "digits/spark/",
    "requests": ("digits/data/download.py", "digits/tracking/"),
    "psutil": "digits/cli/ports.py",
    "pydantic": ("digits/params/", "digits/serving/"),
    **dict.fromkeys(
        ("fastapi", "starlette", "uvicorn", "multipart", "opentelemetry", "prometheus_client"), "digits/serving/"
    ),
    "matplotlib": ("digits/visualization/", "digits/data/drawing.py"),  # which draws with its fonts
    "PIL": (
        "digits/data/drawing.py",
        "digits/data/picture_files.py",
        "digits/data/pictures.py",
        "digits/data/pixel_values.py",
        "digits/evaluation/fonts.py",
        "digits/reading/picture.py",
    ),
    "pillow_heif": "digits/data/picture_files.py",
    "cv2": ("digits/data/", "digits/evaluation/corruptions.py", "digits/reading/"),
    "jinja2": "digits/visualization/",
    "vl_convert": "digits/visualization/",
    "dvc": "digits/vcs/",
    "optuna": "digits/tuning/",
    "click": "digits/cli/",
}

# Modules and packages that no stage has to list as a dependency.
EXEMPT = {
    "pipeline/__init__.py": "it imports digits, before a stage imports anything",
    "digits/arrays.py": "it names types, which change no result",
    "digits/paths.py": "dvc.yaml's outs and deps name the same paths",
    "digits/params": "dvc.yaml's params have the values: a new key of one stage reruns no other",
    "digits/tracking/live.py": "it logs a training, and cannot change an output",
}
TYPES = {"digits/__init__.py", "digits/arrays.py"}  # the first is run by an import of the second
TEMPLATES = list(ROOT.glob("digits/visualization/templates/*"))
# Keys of params.yaml that a stage reads apart from its own: the model card's, and what runs it and divides tables
MORE_PARAMS = {
    "ingest": ["engine", "spark.pictures_per_shard", "spark.storage"],
    "validate": ["engine", "spark.storage"],
    "preprocess": ["engine", "spark.storage"],
    "evaluate": ["train"],
}
# Dependencies that no stage writes
INPUTS = (".external", "data/sources", "data/reference.json")


def used_by(stage: str) -> set[str]:
    """The project's files that a stage runs or reads, as paths from the root."""
    modules = project_files(ROOT / "pipeline" / f"{stage}.py", without=EXEMPT)
    modules.add("pipeline/__init__.py")  # `python -m` runs it before the script
    return with_templates(modules)


def with_templates(files: set[str]) -> set[str]:
    """These files and the templates that they name, that is, render, extend, include or import."""
    content = "".join((ROOT / file).read_text() for file in files)
    named = {path.relative_to(ROOT).as_posix() for path in TEMPLATES if f'"{path.name}"' in content}
    return files if named <= files else with_templates(files | named)


def covers(dep: str, file: str) -> bool:
    """Whether the dependency is this file, or a folder around it."""
    return Path(file).is_relative_to(dep)


def outputs_of(stage: str) -> set[str]:
    listed = [out for kind in ("outs", "metrics", "plots") for out in DVC[stage].get(kind, [])]
    return {out if isinstance(out, str) else next(iter(out)) for out in listed}


def test_the_stages_are_the_scripts_in_their_order():
    assert list(DVC) == STAGES
    scripts = {path.stem for path in (ROOT / "pipeline").glob("*.py")} - {"__init__"}
    assert scripts == set(STAGES)


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_depends_on_every_file_that_it_uses(stage):
    missing = [file for file in sorted(used_by(stage)) if not any(covers(dep, file) for dep in DVC[stage]["deps"])]
    assert missing == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_no_superfluous_dependency(stage):
    deps, files = DVC[stage]["deps"], used_by(stage)
    earlier = {out for before in STAGES[: STAGES.index(stage)] for out in outputs_of(before)}
    for dep in deps:
        assert [other for other in deps if covers(other, dep)] == [dep], f"{dep} is listed twice"
        if dep.startswith(("digits", "pipeline")):
            assert any(covers(dep, file) for file in files), f"{stage} imports nothing of {dep}"
        else:
            assert dep in INPUTS or any(covers(out, dep) for out in earlier), f"no stage before {stage} writes {dep}"


def test_every_exempt_module_exists():
    assert [path for path in EXEMPT if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_has_its_description_its_own_parameters_and_outputs(stage):
    content = DVC[stage]
    assert content["desc"]
    assert content.get("params", []) == [stage, *MORE_PARAMS.get(stage, [])]
    assert content["cmd"] == f"python -m pipeline.{stage}"
    assert outputs_of(stage)


def test_each_library_is_imported_in_one_place():
    imported = [(path.relative_to(ROOT).as_posix(), name) for path in MODULES for name in imported_modules(path)]
    owned = [(place, name, OWNERS.get(name.split(".")[0])) for place, name in imported]
    assert [one for one in owned if one[2] and not one[0].startswith(one[2])] == []


@pytest.mark.parametrize("module", ["data/stacks", "evaluation/metrics", "processes", "errors", "files"])
def test_a_basic_module_imports_no_other(module):
    assert project_files(ROOT / "digits" / f"{module}.py") <= {f"digits/{module}.py", *TYPES}


def test_decoding_a_picture_imports_little():
    found = project_files(ROOT / "digits" / "data" / "pictures.py")
    names = (
        "__init__",
        "canonical",
        "lines",
        "paper",
        "picture_files",
        "pictures",
        "pixel_values",
        "stacks",
        "strokes",
    )
    assert found <= {f"digits/data/{name}.py" for name in names} | TYPES


def test_every_module_has_a_docstring():
    assert [path for path in MODULES if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_importing_the_command_line_loads_no_heavy_library():
    code = "import digits.cli, sys; print({'mlflow', 'tensorflow', 'keras', 'pandas', 'sklearn'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_no_library_sends_usage_data():
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
