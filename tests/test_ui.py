"""MLflow's page in a real browser: it opens on the columns that tell runs apart, and two runs are compared."""

import os
import re
import shutil
import signal

import pytest

from digits.tracking.view import CHARTED
from tests.loopback import free_port, wait_for

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("no Chromium is installed here: apt install chromium", allow_module_level=True)

NAMES = ("baseline", "epochs=3 lr=0.003")
QUIET = ["disable-gpu", "disable-background-networking", "disable-component-update", "disable-sync", "no-first-run"]


@pytest.fixture(scope="module")
def two_runs(scratch):
    scratch.set_params(train={"convolutions": [[4, 5, 2], [8, 3, 2]]})
    scratch.commit()
    scratch.run("dvc", "repro")
    scratch.commit()
    scratch.run("dvc", "exp", "run", "-S", "train.learning_rate=0.003", "-S", "train.epochs=3")
    return scratch


@pytest.fixture(scope="module")
def address(two_runs):
    port = free_port()
    with two_runs.start("digits", "ui", "--port", str(port), start_new_session=True) as process:
        for line in process.stdout:
            if line.startswith("open "):
                break
        wait_for(port, seconds=90)
        yield line.split()[1]
        os.killpg(process.pid, signal.SIGKILL)


@pytest.fixture
def page(address):
    from playwright.sync_api import sync_playwright

    sandbox = ["no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root otherwise
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=CHROMIUM, args=[f"--{name}" for name in QUIET + sandbox])
        page = browser.new_page(viewport={"width": 1900, "height": 900})
        page.set_default_timeout(90_000)
        page.goto(address)
        yield page
        browser.close()


def test_it_opens_on_the_columns_that_tell_the_runs_apart(page):
    for name in NAMES:
        page.get_by_role("link", name=name).wait_for()
    shown = page.inner_text("body")
    for column in ("test_accuracy", "val_accuracy", "train.epochs"):
        assert column in shown


def test_its_charts_show_the_curves_by_epoch(page, address):
    page.goto("about:blank")  # else it would only be told of another part of the same page
    page.goto(address + CHARTED)
    for section in ("By epoch", "On the test split"):
        page.get_by_text(section).first.wait_for()
    chart = page.locator(".js-plotly-plot").first
    chart.wait_for()
    for name in NAMES:
        page.get_by_text(f"{name} (val_accuracy)").first.wait_for()
    lines = chart.locator(".scatterlayer path.js-line")  # the page draws each curve twice, plain and smoothed
    assert len({lines.nth(number).evaluate("line => line.style.stroke") for number in range(lines.count())}) == 2


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
