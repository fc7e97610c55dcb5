"""What several tests of whole systems start."""

import pytest

from tests import chromium


@pytest.fixture(scope="module")
def browser():
    with chromium.launched("--disable-gpu") as started:
        yield started
