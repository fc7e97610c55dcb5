"""The notebooks run in a project with a champion, as `jupyter execute` runs them, and show pictures."""

import json

import pytest

from tests.imports import ROOT

PICTURES = {"1.0-explore-digits": 5, "2.0-champion-mistakes": 4}


def test_every_notebook_is_run():
    assert {path.stem for path in (ROOT / "notebooks").glob("*.ipynb")} == PICTURES.keys()


@pytest.mark.parametrize("name", PICTURES)
def test_it_runs_to_its_end_and_shows_its_pictures(trained, name):
    path = f"notebooks/{name}.ipynb"
    trained.run("jupyter", "execute", "--inplace", path)
    cells = [cell for cell in json.loads((trained.root / path).read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["source"] for cell in cells if cell["execution_count"] is None] == []
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == PICTURES[name]
    assert [output["text"] for output in outputs if output.get("name") == "stderr"] == []
