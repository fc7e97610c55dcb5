"""The commands of the how-to pages and of the rest of the tutorial, each page in a clone of its own after `make repro`.

Its pictures are the default's, 5,000; its params.yaml makes the stages faster. All clones have one DVC cache, so that
an experiment of several pages is trained once.
"""

import pytest

from tests import documentation, scratch
from tests.imports import ROOT

TUTORIAL = ROOT / "docs" / "tutorial.md"
PAGES = [TUTORIAL, *sorted(path for path in (ROOT / "docs" / "how-to").glob("*.md") if path.name != "index.md")]
FASTER = {
    "preprocess": {"non_digits_per_kind": 10, "max_pages": 1},
    "train": {"convolutions": [[8, 5, 2], [16, 3, 2]], "epochs": 1, "batch_size": 50},
    "evaluate": {"corrupted_digits": 5, "page_difficulties": [1], "pages_per_difficulty": 1},
    "register": {**scratch.NO_FLOORS, "min_compared": 10},
}


@pytest.fixture(scope="module")
def template(tmp_path_factory):
    """The project after `make repro`, committed, as if each of its parameters were the default."""

    def build(folder) -> None:
        project = scratch.from_working_tree(folder)
        project.run("dvc", "cache", "dir", "--local", str(folder.parent / "cache"))
        project.set_params(**FASTER)
        project.run("dvc", "repro")
        project.commit()

    return scratch.build_once(tmp_path_factory, "how_to", build)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_the_commands_of_a_page(path, template, tmp_path):
    commands = documentation.read(path).to_run
    if path == TUTORIAL:
        commands = commands[len(documentation.up_to_repro(commands)) :]
    if not commands:
        pytest.skip("no command of this page can be run by a test")
    project = scratch.with_environment(scratch.copy(template, tmp_path / "digits"))
    with documentation.Reader(project) as reader:
        reader.follow(commands)
