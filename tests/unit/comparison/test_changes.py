"""The Markdown on what changed between two commits, in a git repository made by hand. 0.7 s in all."""

import json

import pytest
import yaml

from digits import paths
from digits.comparison import changes
from digits.errors import UserError
from tests.git import commit_all, git


def commit(message: str, accuracy: float, epochs: int, statistics: str) -> None:
    """Commit the small files of a project with these results."""
    contents = {
        paths.EVALUATION: json.dumps(
            {"test": {"accuracy": accuracy, "accuracy_low": 0.9, "accuracy_high": 1.0, "aurc": 0.5}}
        ),
        paths.TRAINING: json.dumps({"epochs": epochs}),
        paths.PARAMS: yaml.safe_dump({"train": {"epochs": epochs, "text": "a|b"}}),
        paths.DVC_LOCK: yaml.safe_dump(
            {"stages": {"validate": {"outs": [{"path": str(paths.STATISTICS), "md5": statistics}]}}}
        ),
    }
    for path, content in contents.items():
        path.parent.mkdir(exist_ok=True)
        path.write_text(content)
    commit_all(message)


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project whose branch `main` has gone on since `topic` began there; DVC's cache is empty."""
    from dvc.repo import Repo

    folder = tmp_path_factory.mktemp("changes")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.chdir(folder)
        git("init", "--initial-branch=main")
        Repo.init().close()
        commit("start", 0.95, 2, "a" * 32)
        git("branch", "topic")
        commit("main goes on", 0.99, 9, "c" * 32)
        git("checkout", "topic")
        commit("train for longer | *today*", 0.96, 3, "b" * 32)
        yield folder


@pytest.fixture
def text(project, monkeypatch):
    monkeypatch.chdir(project)
    return changes.report("main", "topic")


def test_the_first_line_is_the_accuracy_since_the_branch_began(text):
    assert text.startswith("## Accuracy 95.00% → 96.00% since main\n")
    assert "Before: the merge base with main, " in text
    assert r" (start). After: " in text
    assert r"(train for longer \| \*today\*)" in text


def test_metrics_and_parameters_have_both_values(text):
    assert "| accuracy | 95.00% (90.00 to 100.00) | 96.00% (90.00 to 100.00) | +1.00 points |" in text
    assert "<summary>1 other metrics changed</summary>" in text
    assert "| `train.epochs` | 2 | 3 | +1 |" in text
    assert "| `train.epochs` | `2` | `3` |" in text
    assert "aurc" not in text  # it is the same
    assert "train.text" not in text


def test_data_that_are_not_in_the_cache_are_named_and_the_rest_still_comes(text):
    assert "the pictures can't be compared: data/interim/statistics.parquet of" in text
    assert "it is neither in DVC's cache nor in a remote" in text
    assert "| validate | `data/interim/statistics.parquet` | none: another kind of machine gives other bytes |" in text


def test_without_a_change_one_line_says_so(project, monkeypatch):
    monkeypatch.chdir(project)
    text = changes.report("topic", "topic")
    assert text.startswith("## No result changed since topic\n")
    assert "No parameter changed. No picture was added, removed or relabelled." in text
    assert "|" not in text.splitlines()[-1]


def test_revisions_without_a_common_commit_are_an_error(project, monkeypatch):
    monkeypatch.chdir(project)
    other = git("commit-tree", git("write-tree"), "-m", "other")
    with pytest.raises(UserError, match=rf"^{other} and topic have no commit in common"):
        changes.report(other, "topic")


def test_more_metrics_than_a_comment_takes_are_counted(project, monkeypatch):
    monkeypatch.chdir(project)
    monkeypatch.setattr(changes, "MAX_ROWS", 0)
    text = changes.report("main", "topic")
    assert "and 1 more, which `dvc metrics diff " in text
    assert "`train.epochs` | 2 |" not in text


@pytest.mark.parametrize(
    ("before", "after", "row"),
    [
        (None, 0.5, ("–", "0.5", "–")),
        (12000, 12001, ("12,000", "12,001", "+1")),
        (False, True, ("`false`", "`true`", "–")),
        ("0 of 9", "1 of 9", ('`"0 of 9"`', '`"1 of 9"`', "–")),
    ],
)
def test_a_metric_that_is_not_always_shown_has_its_own_format(before, after, row):
    sides = ({} if value is None else {"a": value} for value in (before, after))
    main, others = changes.metric_rows(*sides)
    assert (main, others) == ([], [("`a`", *row)])
