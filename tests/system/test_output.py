"""The output of the commands in ASCII, and to readers that have gone, on a project with a model.

tests/unit/test_errors.py has every encoding and stream, for what all commands and stages are run by.
"""

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


@pytest.mark.parametrize("command", ["digits lineage", COMMANDS[1]])
def test_a_system_whose_encoding_is_ascii(trained, command):
    status, printed = ended(trained, command, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")
    assert status == 0, printed
    assert "Error" not in printed


@pytest.mark.parametrize("streams", ["| head -1", ">&-", "<&- >&- 2>&-"])
@pytest.mark.parametrize("command", COMMANDS)
def test_readers_that_have_gone(trained, command, streams):
    status, printed = ended(trained, f"{command} {streams}")
    assert status == 0, printed
    assert "Traceback" not in printed
    assert "Exception ignored" not in printed


def test_without_its_data_train_names_dvc_checkout(trained):
    """tests/unit/pipeline/test_missing_data.py checks that of the other stages, which import less."""
    folder = trained.root / "data" / "processed"
    folder.rename(folder.with_name("away"))
    status, printed = ended(trained, "python -m pipeline.train")
    folder.with_name("away").rename(folder)
    assert status == 1
    assert "error: data/processed" in printed
    assert "does not exist" in printed
    assert "`dvc checkout`" in printed
    assert "Traceback" not in printed
