"""The tree, stages and figures in the README are those of the project."""

import json
import re
import subprocess

import yaml

from benchmarks import readme
from tests.imports import ROOT

README = (ROOT / "README.md").read_text()
STAGES = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
SHELL = "\n".join(re.findall(r"```sh\n(.*?)```", README, re.DOTALL))
TARGETS = re.findall(r"^([a-z-]+):.*## (.+)$", (ROOT / "Makefile").read_text(), re.MULTILINE)


def test_the_tree_has_existing_paths():
    block = re.search(r"## The tree\n\n```text\n(.*?)```", README, re.DOTALL)[1]
    folder = ""
    for line in block.splitlines():
        for name in re.match(r"\s*((?:[\w.]+/? )+)", line)[1].split():
            path = (ROOT / folder / name) if line.startswith("  ") else ROOT / name
            assert path.exists() or name in ("models/", "reports/"), line
        if not line.startswith("  "):
            folder = line.split()[0]


def test_the_tree_has_every_package():
    packages = {path.parent.name for path in (ROOT / "digits").glob("*/__init__.py")}
    assert packages <= set(re.findall(r"^  (\w+)/ ", README, re.MULTILINE))


def test_the_stages_are_those_of_dvc_yaml_in_their_order():
    assert re.findall(r"^\| `(\w+)` \|", README, re.MULTILINE) == list(STAGES)


def test_make_alone_prints_its_help_from_its_own_comments():
    printed = subprocess.run(["make"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert len(TARGETS) >= 10
    for name, words in TARGETS:
        assert re.search(rf"^  {name} +{re.escape(words)}$", printed, re.MULTILINE)


def test_ci_runs_the_readmes_own_test_command_and_then_the_slow_tests():
    commands = ["make test", "make test-slow"]
    assert commands[0] in SHELL
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-2:] == commands
    job = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())["jobs"]["test"]
    assert [step["run"] for step in job["steps"] if step.get("run", "").startswith("make")] == ["make spark", *commands]


def test_the_pip_commands_are_those_of_the_makefile():
    makefile = re.sub(r"\$\(BIN\)/| --quiet| --no-compile", "", (ROOT / "Makefile").read_text())
    for line in SHELL.splitlines():
        if line.startswith("pip install"):
            assert line in makefile


def test_the_accuracy_is_that_of_the_committed_metrics():
    test = json.loads((ROOT / "metrics" / "evaluate.json").read_text())["test"]
    assert f"evaluated: accuracy {test['accuracy']:.2%} on 940 test digits" in README


def test_the_figures_are_those_of_the_pages_that_benchmarks_write():
    assert len(readme.BLOCK.findall(README)) == 5
    assert readme.with_figures(README) == README


def test_it_takes_a_few_minutes_to_read():
    assert 150 <= len(README.splitlines()) <= 240
