"""The tools of development: what their configurations name exists, and they agree with each other."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner
from packaging.specifiers import SpecifierSet

from digits.cli import commands
from digits.spark import java
from tests.imports import ROOT

BIN = Path(sys.executable).parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PYTHONS = SpecifierSet(PYPROJECT["project"]["requires-python"])
MAKEFILE = (ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z-]+):", MAKEFILE, re.MULTILINE))
REPOSITORIES = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
HOOKS = REPOSITORIES[0]["hooks"]
CONTAINER = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text())
MUTATION = PYPROJECT["tool"]["mutmut"]
WORKFLOWS = {path.name: yaml.safe_load(path.read_text()) for path in (ROOT / ".github" / "workflows").glob("*.yml")}
STEPS = [
    (name, job, step) for name, flow in WORKFLOWS.items() for job in flow["jobs"].values() for step in job["steps"]
]


def run(*command: str, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return subprocess.run(
        [BIN / command[0], *command[1:]], cwd=cwd, env={**environment, **variables}, capture_output=True, text=True
    )


class TestHooks:
    def test_the_configuration_is_valid(self):
        done = run("pre-commit", "validate-config", ".pre-commit-config.yaml")
        assert done.returncode == 0, done.stdout

    def test_they_are_local_and_run_installed_tools(self):
        assert [each["repo"] for each in REPOSITORIES] == ["local"]
        for hook in HOOKS:
            assert hook["language"] == "system"
            folder, _, tool = hook["entry"].split()[0].rpartition("/")
            assert folder == ".venv/bin"
            assert (BIN / tool).exists()

    def test_they_are_checks_of_make_lint(self):
        lint = re.search(r"^lint:.*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)[1]
        for hook in HOOKS:
            words = hook["entry"].removeprefix(".venv/bin/").replace(" --force-exclude", "")
            assert words == "nbstripout --verify" or f"\t{words}" in lint

    def test_the_quick_ones_pass_on_a_change_and_fail_on_a_bad_one(self, tmp_path):
        (tmp_path / ".venv").symlink_to(BIN.parent)
        for name in (".pre-commit-config.yaml", "pyproject.toml"):
            (tmp_path / name).write_bytes((ROOT / name).read_bytes())
        (tmp_path / "good.py").write_text('"""A module."""\n\nSIDE = 28\n')
        subprocess.run(["git", "init", "--quiet"], cwd=tmp_path, check=True)
        subprocess.run(["git", "add", "good.py"], cwd=tmp_path, check=True)
        assert [self.status(hook, tmp_path) for hook in ("ruff-check", "ruff-format", "nbstripout")] == [0, 0, 0]
        (tmp_path / "bad.py").write_text("import os\nprint( 1)\n")
        cell = {"cell_type": "code", "execution_count": 1, "id": "run", "metadata": {}, "outputs": [], "source": "1"}
        notebook = {"cells": [cell], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
        (tmp_path / "bad.ipynb").write_text(json.dumps(notebook))
        subprocess.run(["git", "add", "bad.py", "bad.ipynb"], cwd=tmp_path, check=True)
        assert [self.status(hook, tmp_path) for hook in ("ruff-check", "ruff-format", "nbstripout")] == [1, 1, 1]

    @staticmethod
    def status(hook: str, folder: Path) -> int:
        return run("pre-commit", "run", hook, "--all-files", cwd=folder, PRE_COMMIT_HOME=str(folder)).returncode


class TestContainer:
    def test_its_python_and_its_java_are_supported(self):
        assert PYTHONS.contains(re.search(r"python:([\d.]+)", CONTAINER["image"])[1])
        (feature,) = (feature for name, feature in CONTAINER["features"].items() if "/java:" in name)
        assert int(feature["version"]) >= java.OLDEST

    def test_it_is_set_up_by_a_target_of_the_makefile(self):
        program, target = CONTAINER["postCreateCommand"].split()
        assert program == "make"
        assert target in TARGETS

    def test_its_environment_is_the_one_that_is_set_up(self):
        folder = re.search(r"^BIN := (.+)$", MAKEFILE, re.MULTILINE)[1]
        assert CONTAINER["remoteEnv"]["PATH"].startswith(f"${{containerWorkspaceFolder}}/{folder}:")
        settings = CONTAINER["customizations"]["vscode"]["settings"]
        assert settings["python.defaultInterpreterPath"] == f"${{containerWorkspaceFolder}}/{folder}/python"

    def test_it_forwards_the_ports_of_the_servers(self):
        for command, port in (("ui", 5000), ("serve", 5001)):
            assert port in CONTAINER["forwardPorts"]
            assert f"default: {port}" in CliRunner().invoke(commands, [command, "--help"]).output
            assert f"make {command}" in CONTAINER["portsAttributes"][str(port)]["label"]
        assert set(map(str, CONTAINER["forwardPorts"])) == set(CONTAINER["portsAttributes"])


class TestWorkflows:
    def test_what_they_run_exists(self):
        environments = run("tox", "list", "--no-desc", "-q").stdout.split()
        for name, job, step in STEPS:
            script, matrix = step.get("run", ""), job.get("strategy", {}).get("matrix", {})
            for target in [*re.findall(r"\bmake ([a-z-]+)", script), *matrix.get("target", [])]:
                assert target in TARGETS, name
            if "tox -e" in script:
                assert {f"lowest-py{version.replace('.', '')}" for version in matrix["python"]} <= set(environments)

    def test_they_use_supported_pythons(self):
        used: list[str] = []
        for _, job, step in STEPS:
            version = step.get("with", {}).get("python-version", "")
            used += job["strategy"]["matrix"]["python"] if "matrix" in version else [version] * bool(version)
        assert len(used) > 5
        assert all(PYTHONS.contains(version) for version in used)

    def test_they_may_only_read_but_for_the_reports_comment(self):
        rights = {name: flow["permissions"] for name, flow in WORKFLOWS.items()}
        assert rights.pop("report.yml") == {"contents": "read", "pull-requests": "write"}
        assert set(map(str, rights.values())) == {"{'contents': 'read'}"}

    def test_no_job_runs_without_an_end_or_an_action_without_a_version(self):
        assert all("timeout-minutes" in job for flow in WORKFLOWS.values() for job in flow["jobs"].values())
        assert all(re.search(r"@v\d+$", step["uses"]) for _, _, step in STEPS if "uses" in step)

    def test_no_event_is_put_into_a_script(self):
        """Text of a pull request would be run as a part of the script: it goes through the environment."""
        assert not [step["run"] for _, _, step in STEPS if "${{ github." in step.get("run", "")]


class TestVersions:
    def test_each_supported_python_is_tested_with_the_lowest_versions_and_the_lock_where_that_is_possible(self):
        listed = run("tox", "list", "-d", "--no-desc", "-q").stdout.split()  # what `tox run` runs
        lowest = {name.removeprefix("lowest-") for name in listed if name.startswith("lowest-")}
        locked = {name.removeprefix("locked-") for name in listed if name.startswith("locked-")}
        assert lowest - locked == {"py314"}
        assert min(lowest) == f"py{str(PYTHONS).removeprefix('>=').replace('.', '')}"


class TestMutation:
    @pytest.mark.parametrize("pattern", MUTATION["only_mutate"])
    def test_what_is_changed_exists(self, pattern):
        assert list(ROOT.glob(pattern))

    @pytest.mark.parametrize("path", MUTATION["pytest_add_cli_args_test_selection"] + MUTATION["also_copy"])
    def test_what_is_run_and_copied_exists(self, path):
        assert (ROOT / path).exists()


def test_the_threshold_of_coverage_is_that_of_lines_and_branches():
    coverage = PYPROJECT["tool"]["coverage"]
    assert coverage["run"]["branch"] is True
    assert coverage["report"]["fail_under"] >= 95
