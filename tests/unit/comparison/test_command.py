"""`digits compare` from the command line."""

from click.testing import CliRunner

from digits.cli import commands


def test_two_models_are_compared_from_a_subfolder_and_the_page_is_written_there(in_project, monkeypatch):
    monkeypatch.chdir(in_project / "models")
    done = CliRunner().invoke(commands, ["compare", "HEAD~1", "--page", "reports/page.html"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("# HEAD\\~1 → the working tree\n")
    assert done.output.splitlines()[-1] == "open reports/page.html to see the pictures"
    assert (in_project / "models" / "reports" / "page.html").read_text().startswith("<!doctype html>")


def test_the_same_model_twice_ends_well(in_project):
    done = CliRunner().invoke(commands, ["compare", "HEAD~1", "wide", "--page", "reports/none.html"])
    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1] == "A and B are the same model, byte for byte"
    assert not (in_project / "reports" / "none.html").exists()
