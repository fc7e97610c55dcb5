"""`digits data diff` between two versions of the pictures, in a scratch project with real commits."""

import re

import pytest
import yaml

from digits.data import pictures
from tests.imports import ROOT


@pytest.fixture(scope="module")
def versioned(prepared, mnist_digits):
    """A scratch project with two committed versions: two pictures added, one removed, one relabelled, one renamed."""
    external = prepared.root / "data" / "external"
    for number in (300, 301):
        image = mnist_digits.images[mnist_digits.labels == 4][number]
        (external / "4" / f"new {number}.png").write_bytes(pictures.encode_png(image))
    (external / "7" / "000.png").unlink()
    (external / "1" / "003.png").rename(external / "2" / "was a one.png")
    (external / "5" / "001.png").rename(external / "5" / "renamed.png")
    prepared.run("dvc", "add", "--quiet", "data/external")
    prepared.run("dvc", "repro", "validate")
    prepared.commit()
    return prepared


def test_the_changes_are_counted_and_named(versioned):
    printed = versioned.run("digits", "data", "diff", "HEAD~1", "HEAD")
    assert "data of HEAD~1 → HEAD: 2 added, 1 removed, 1 relabelled" in printed
    assert "data/external/4/new 300.png, label 4" in printed
    assert "data/external/4/new 301.png, label 4" in printed
    assert "data/external/7/000.png, label 7" in next(line for line in printed.splitlines() if "removed: " in line)
    assert "data/external/2/was a one.png, label 2, was 1" in printed
    assert "renamed.png" not in printed
    changes = {line.split()[0]: line.split()[-1] for line in printed.splitlines() if line.strip()[:1].isdecimal()}
    assert changes == {**{str(label): "0" for label in range(10)}, "4": "2", "7": "-1", "1": "-1", "2": "1"}


def test_the_page_shows_the_pictures_and_needs_no_other_file(versioned):
    page = (versioned.root / "reports" / "data_diff.html").read_text()
    assert page.count("<figure>") == 4
    assert "label 2, was 1" in page
    assert "://" not in page


def test_without_a_second_revision_it_is_the_working_tree(versioned):
    printed = versioned.run("digits", "data", "diff", "HEAD")
    assert "data of HEAD → the working tree: 0 added, 0 removed, 0 relabelled" in printed
    assert printed.rstrip().endswith("open reports/data_diff.html to see the pictures")


def test_the_workflow_reports_a_pull_requests_changes(versioned, tmp_path):
    """The step of .github/workflows/report.yml, in the shell that GitHub runs it with."""
    (job,) = yaml.safe_load((ROOT / ".github" / "workflows" / "report.yml").read_text())["jobs"].values()
    (step,) = (step for step in job["steps"] if "digits report" in step.get("run", ""))
    versioned.git("tag", "base", "HEAD~1")
    summary = tmp_path / "summary.md"
    variables = {"RUNNER_TEMP": str(tmp_path), "GITHUB_STEP_SUMMARY": str(summary)}
    printed = versioned.run("bash", "-e", "-c", step["run"], env=variables)
    assert printed == ""
    text = summary.read_text()
    assert text == (tmp_path / "report.md").read_text()
    assert text.startswith("## Results changed since base")
    assert "2 added, 1 removed, 1 relabelled, 0 in another split, " in text
    rows = [line.split("|")[2:-1] for line in text.splitlines() if re.match(r"\| (train|validation|test) \|", line)]
    assert [sum(map(int, column)) for column in zip(*rows, strict=True)][1:] == [2, 1, 1]
    assert "| ingest | `data/raw` | `.external` |" in text


def test_dvc_checkout_restores_the_first_version(versioned):
    versioned.git("checkout", "--quiet", "HEAD~1")
    versioned.run("dvc", "checkout", "data/external.dvc", "ingest", "validate")
    assert (versioned.root / "data" / "external" / "1" / "003.png").is_file()
    assert "Data and pipelines are up to date." in versioned.run("dvc", "status", "validate")
    versioned.git("checkout", "--quiet", "main")
    versioned.run("dvc", "checkout", "data/external.dvc", "ingest", "validate")


def test_a_wrong_revision_is_reported(versioned):
    printed = versioned.run("digits", "data", "diff", "HEAD~9", "HEAD", fails=True)
    assert "HEAD~9 is no revision of this repository" in printed
    assert "Traceback" not in printed


def test_a_revision_without_data_is_reported(versioned):
    first = versioned.git("rev-list", "--max-parents=0", "HEAD").strip()
    printed = versioned.run("digits", "data", "diff", first, fails=True)
    assert f"data/interim/statistics.parquet of {first[:12]} cannot be read: that revision has no such file" in printed
    assert "Traceback" not in printed


def test_a_refused_folder_leaves_the_ingested_data_in_the_cache(versioned):
    raw = versioned.root / "data" / "raw"
    before = {path.name: path.read_bytes() for path in raw.iterdir()}
    (versioned.root / "data" / "external" / "ten").mkdir()
    (versioned.root / "data" / "external" / "ten" / "a.png").write_bytes(b"")
    printed = versioned.run("dvc", "repro", "validate", fails=True)
    assert "data/external/ten is not a label: a folder's name is its digit, 0 to 9" in printed
    assert "where data was ingested before, `dvc checkout ingest` restores it" in printed
    versioned.run("dvc", "checkout", "ingest")
    assert {path.name: path.read_bytes() for path in raw.iterdir()} == before
