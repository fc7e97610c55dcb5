"""`dvc plots diff` of two revisions and the pages of the stages, in a real browser without a network. 15 s."""

import shutil

import numpy as np
import pandas as pd
import pytest

from digits import paths
from digits.evaluation import curves
from digits.visualization import dvc_plots
from tests import chromium
from tests.imports import ROOT
from tests.scratch import Project

chromium.skip_without()

CURVES = {  # the titles in dvc.yaml, which the page has as text
    paths.HISTORY: "Accuracy on the validation split",
    paths.PREDICTIONS: "Confusion matrix of the test split",
    paths.RELIABILITY_CURVE: "Reliability on the test split",
    paths.RISK_COVERAGE_CURVE: "Error among accepted digits of the test split",
}


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page of two commits of the CSV files that the project's dvc.yaml declares as plots; git has them here."""
    project = Project(tmp_path_factory.mktemp("plots") / "digits")
    (project.root / "reports" / "plots").mkdir(parents=True)
    shutil.copy(ROOT / "dvc.yaml", project.root)
    (project.root / "params.yaml").write_text(
        "\n".join(f"{name}: {{}}" for name in ("ingest", "validate", "preprocess", "train", "evaluate", "register"))
    )
    project.git("init", "--quiet", "--initial-branch=main")
    project.run("dvc", "init", "--quiet")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(project.root)
        for errors in (10, 30):
            labels = np.arange(100) < errors
            confidence = np.linspace(0.5, 1, 100)
            curves.write(np.stack([confidence, 1 - confidence], axis=1), labels)
            pd.DataFrame({"label": labels, "predicted": 0}).to_csv(paths.PREDICTIONS, index=False)
            pd.DataFrame({"epoch": [1, 2], "val_accuracy": [0.5, 1 - errors / 100]}).to_csv(paths.HISTORY, index=False)
            project.commit()
        dvc_plots.write(paths.PLOTS_PAGE)
    project.run("dvc", "config", "--local", "plots.html_template", paths.PLOTS_PAGE.name)
    project.run("dvc", "plots", "diff", "HEAD~1", "HEAD", "--out", "page", "--targets", *map(str, CURVES))
    return project.root / "page" / "index.html"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_curve_is_drawn_without_a_request(page, browser, scheme):
    context = browser.new_context(offline=True, color_scheme=scheme, viewport={"width": 390, "height": 900})
    opened, requests, errors = context.new_page(), [], []
    opened.on("request", lambda request: requests.append(request.url))
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(page.as_uri())
    opened.locator(".marks").nth(len(CURVES) - 1).wait_for()
    assert requests == [page.as_uri()]
    assert errors == []
    assert opened.evaluate("document.documentElement.scrollWidth") == 390
    context.close()


def test_both_revisions_are_in_each_curve(page):
    text = page.read_text()
    for title in CURVES.values():
        assert text.count(title) == 1
    assert text.count('"rev": "HEAD~1"') == text.count('"rev": "HEAD"') > 4
    assert "<script src" not in text


@pytest.mark.parametrize("name", [paths.EVALUATION_REPORT, paths.VALIDATION_REPORT], ids=lambda path: path.name)
def test_the_pages_of_the_stages_fit_a_phone_and_need_no_network(trained_template, browser, name):
    context = browser.new_context(offline=True, viewport={"width": 390, "height": 900})
    opened, requests = context.new_page(), []
    opened.on("request", lambda request: requests.append(request.url))
    address = (trained_template / name).as_uri()
    opened.goto(address)
    assert opened.evaluate("document.documentElement.scrollWidth") == 390
    assert [one for one in requests if not one.startswith("data:")] == [address]
    context.close()
