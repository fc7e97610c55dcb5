"""Chromium, for the tests of pages; where there is none they are skipped."""

import os
import shutil
from contextlib import contextmanager

import pytest

DESKTOP = {"viewport": {"width": 1280, "height": 800}}
PHONE = {"viewport": {"width": 360, "height": 740}, "has_touch": True, "is_mobile": True}
PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


def skip_without() -> None:
    """Skip the module that calls it where no Chromium is installed."""
    if PROGRAM is None:
        pytest.skip("no Chromium is installed here: apt install chromium", allow_module_level=True)


@contextmanager
def launched(*options: str):
    """A browser of Playwright's, started with these options."""
    from playwright.sync_api import sync_playwright

    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses root otherwise
    with sync_playwright() as player:
        browser = player.chromium.launch(executable_path=PROGRAM, args=[*options, *sandbox])
        yield browser
        browser.close()


@contextmanager
def opened(browser, address, **options):
    """The page in a session of its own, where no script may fail and nothing break the CSP."""
    context = browser.new_context(**{**DESKTOP, **options})
    page, failures = context.new_page(), []
    page.set_default_timeout(15_000)
    page.on("pageerror", lambda error: failures.append(str(error)))
    page.on("console", lambda message: failures.append(message.text) if message.type == "error" else None)
    try:
        page.goto(address)
        yield page
    finally:
        context.close()
    # A response with an error, and a lost connection, are errors in the console too
    assert [failure for failure in failures if not failure.startswith("Failed to load resource: ")] == []


def find_violations(page) -> list[str]:
    """What axe finds of a page that hinders people."""
    from axe_playwright_python.sync_playwright import Axe

    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {node['html']}" for one in found for node in one["nodes"]]
