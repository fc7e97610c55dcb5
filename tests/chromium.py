"""Chromium, for the tests of pages; where there is none they are skipped."""

import os
import shutil
from contextlib import contextmanager

import pytest

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
