"""The names of the code in CONTRIBUTING.md exist."""

import importlib
import re

import pytest

from tests.imports import ROOT

CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
# Names in the text, and the module that has each
NAMES = {
    "PICTURE_EXPECTATIONS": "digits.validation.suite",
    "PIXEL_COLUMNS": "digits.data.statistics",
    "CORRUPTIONS": "digits.evaluation.corruptions",
    "PROBLEMS": "digits.serving.api",
    "EVENED_OUT": "digits.serving.drift.reference",
    "Floor": "digits.tracking.gates",
    "Ingest": "digits.params",
    "Register": "digits.params",
    "Request": "digits.serving.api",
    "Response": "digits.serving.api",
    "SourcePicture": "digits.data.sources",
    "FAULTS": "tests.unit.validation.test_run",
    "divided_source": "digits.data.sources",
    "rate": "digits.evaluation.summary",
    "source": "digits.data.sources",
    "with_interval": "digits.evaluation.summary",
}


@pytest.mark.parametrize("name", NAMES)
def test_every_name_of_the_code_is_there(name):
    assert re.search(rf"`@?{name}\b", CONTRIBUTING)
    assert hasattr(importlib.import_module(NAMES[name]), name)
