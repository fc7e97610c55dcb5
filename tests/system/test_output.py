"""The output of the commands in every encoding, and to readers that have gone, on a project with a model."""

import subprocess

import pytest

COMMANDS = ["digits data diff HEAD", "python -m pipeline.register"]


def ended(project, command: str, **variables: str) -> tuple[int, str]:
    """The status of the first command of a pipe, and all that was printed."""
    done = subprocess.run(
        ["bash", "-c", f"{command}; exit ${{PIPESTATUS[0]}}"],
        cwd=project.root,
        env={**project.environment, **variables},
        capture_output=True,
    )
    return done.returncode, (done.stdout + done.stderr).decode(errors="replace")


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "cp1252"},
        {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"},
    ],
    ids=str,
)
@pytest.mark.parametrize("command", ["digits lineage", COMMANDS[1]])
def test_every_encoding(trained, command, variables):
    status, printed = ended(trained, command, **variables)
    assert status == 0, printed
    assert "Error" not in printed


@pytest.mark.parametrize("streams", ["| head -1", ">&-", "2>&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", COMMANDS)
def test_readers_that_have_gone(trained, command, streams):
    status, printed = ended(trained, f"{command} {streams}")
    assert status == 0, printed
    assert "Traceback" not in printed
    assert "Exception ignored" not in printed


@pytest.mark.parametrize("stage", ["validate", "preprocess", "train", "evaluate"])
def test_a_missing_folder_names_dvc_checkout(prepared, stage):
    folder = prepared.root / "data" / ("raw" if stage in ("validate", "preprocess") else "processed")
    folder.rename(folder.with_name("away"))
    status, printed = ended(prepared, f"python -m pipeline.{stage}")
    folder.with_name("away").rename(folder)
    assert status == 1
    assert f"error: data/{folder.name}" in printed  # the folder, or the file in it that is read first
    assert "does not exist" in printed
    assert "`dvc checkout`" in printed
    assert "Traceback" not in printed
