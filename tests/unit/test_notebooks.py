"""The notebooks have no outputs, and their links lead to files. tests/system/test_notebooks.py runs them."""

import json
import re

import pytest

from tests.imports import ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
CONTENT = {path: json.loads(path.read_text()) for path in NOTEBOOKS}


def test_there_are_notebooks_and_nothing_else():
    assert len(NOTEBOOKS) >= 2
    assert [path.name for path in (ROOT / "notebooks").iterdir() if path not in NOTEBOOKS and path.is_file()] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_has_no_outputs_and_no_metadata_of_a_machine(path):
    assert CONTENT[path]["metadata"] == {"language_info": {"name": "python"}}
    for cell in CONTENT[path]["cells"]:
        assert cell["metadata"] == {}
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_its_links_lead_to_files(path):
    text = "".join("".join(cell["source"]) for cell in CONTENT[path]["cells"] if cell["cell_type"] == "markdown")
    assert [link for link in re.findall(r"\]\((?!https?:)([^)#]+)", text) if not (path.parent / link).exists()] == []
