"""MLflow's UI on our tracking store, in a real browser, compares two runs."""

import os
import re
import signal

import pytest

from tests import chromium
from tests.loopback import free_port, wait_for
from tests.tracking_store import client_of

chromium.skip_without()
NAMES = ("baseline", "lr=0.003")
QUIET = ["disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"]


@pytest.fixture
def address(trained):
    """The address of the project's runs in MLflow's UI: the one that the pipeline logged, and another."""
    client = client_of(f"sqlite:///{trained.root}/mlflow.db")
    experiment = client.get_experiment_by_name("digits")
    other = client.create_run(experiment.experiment_id, run_name=NAMES[1])
    client.log_param(other.info.run_id, "train.learning_rate", 0.003)
    client.set_terminated(other.info.run_id)
    port = free_port()
    with trained.start("digits", "ui", "--port", str(port), start_new_session=True) as process:
        for line in process.stdout:
            if line.startswith("open "):
                break
        wait_for(port, seconds=90)
        yield f"{line.split()[1]}/#/experiments/{experiment.experiment_id}/runs"
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def page(address):
    with chromium.launched(*(f"--{name}" for name in QUIET)) as browser:
        page = browser.new_page(viewport={"width": 1900, "height": 900})
        page.set_default_timeout(90_000)
        page.goto(address)
        yield page


def test_two_runs_are_compared(page):
    page.get_by_role("link", name=NAMES[0]).wait_for()
    boxes = page.get_by_role("checkbox", name="toggle row selection")
    for row in range(boxes.count()):
        boxes.nth(row).click()
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Comparing 2 Runs").first.wait_for()
    page.get_by_text("train.learning_rate").first.wait_for()
    shown = page.inner_text("body")
    assert all(name in shown for name in NAMES)
    assert re.search(r"train\.learning_rate\s+0\.003\s+0\.02\b", shown)
