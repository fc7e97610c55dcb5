"""The wheel: what it contains, and that it predicts outside the project with the packages of the service alone.

Nothing is installed: the wheel is unpacked, and every package that requirements-serve.txt lacks is hidden.
"""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from tests import hidden_packages
from tests.imports import ROOT
from tests.loopback import free_port
from tests.tracking_server import tracking_server


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built by the installed tools from a copy, so that nothing is written into the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "digits", folder / "digits", ignore=shutil.ignore_patterns("__pycache__"))
    uv = Path(sys.executable).with_name("uv")
    options = ["--offline", "--no-build-isolation", "--python", sys.executable, "--out-dir", "dist"]
    done = subprocess.run([uv, "build", "--wheel", *options], cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (file,) = (folder / "dist").glob("digits-*.whl")
    return file


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> tuple[Path, dict[str, str]]:
    """A folder outside the project, and an environment in which Python finds the wheel and the service's packages."""
    folder = tmp_path_factory.mktemp("installed")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "wheel")
    # Run at the start of every Python process, also of those that the command starts
    (folder / "sitecustomize.py").write_text(hidden_packages.code())
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "MLFLOW_", "COVERAGE_"))}
    (folder / "empty").mkdir()
    return folder / "empty", {**kept, "PYTHONPATH": f"{folder}{os.pathsep}{folder / 'wheel'}"}


def test_it_contains_every_module_page_and_template_and_nothing_else(wheel):
    listed = subprocess.check_output(["git", "ls-files", "-co", "--exclude-standard", "digits"], cwd=ROOT, text=True)
    with zipfile.ZipFile(wheel) as archive:
        contained = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert contained == {name for name in listed.splitlines() if (ROOT / name).exists()}
    assert "digits/serving/page/index.html" in contained
    assert "digits/visualization/templates/page.html" in contained


def test_it_requires_only_what_the_services_lock_has(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = Parser().parsestr(archive.read(name).decode())
    required = [Requirement(text) for text in metadata.get_all("Requires-Dist")]
    assert {one.name for one in required if "extra ==" not in str(one.marker)} <= hidden_packages.LOCKED


def test_it_is_imported_outside_the_tree(installed):
    folder, environment = installed
    code = "import digits, digits.cli, digits.serving.app; print(digits.__file__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert Path(done.stdout.strip()).is_relative_to(folder.parent / "wheel")
    done = subprocess.run([sys.executable, "-c", "import keras"], env=environment, capture_output=True, text=True)
    assert "ModuleNotFoundError" in done.stderr


def test_it_predicts_with_the_champion_of_a_tracking_server(installed, trained):
    folder, environment = installed
    shutil.copy(trained.root / "data" / "external" / "7" / "000.png", folder / "seven.png")
    port = free_port()
    with tracking_server(trained.root, port):
        done = subprocess.run(
            [sys.executable, "-c", "from digits.cli import main; main()", "predict", "seven.png", "--json"],
            cwd=folder,
            env={**environment, "MLFLOW_TRACKING_URI": f"http://127.0.0.1:{port}"},
            capture_output=True,
            text=True,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["label"] in range(10)
