"""What a name means: each kind, in their order, and names that mean nothing or several things."""

import pytest

from digits.comparison import names
from digits.data import processed_tables
from digits.errors import UserError
from digits.files import digest
from digits.paths import EVALUATION, ONNX, PROCESSED
from tests.git import git
from tests.tracking_store import registered_version


def test_revisions_and_experiments_need_no_tracking_store(in_project):
    head, before, experiment, here = (names.find(name) for name in ("HEAD", "HEAD~1", "wide", None))
    assert head.origin == f"commit {git('rev-parse', '--short=12', 'HEAD')} “1 | of five”"
    assert experiment.origin == f"experiment wide, commit {git('rev-parse', '--short=12', 'HEAD~1')}"
    assert head.sha256 == here.sha256 == digest(ONNX, "sha256") != before.sha256 == experiment.sha256
    assert (before.params, head.params) == tuple(
        {"train.digits": str(digits), "train.seed": "0"} for digits in (100, 500)
    )
    assert before.evaluation["corruption_error.mean"] == 0.2
    assert head.test_md5 == digest(PROCESSED / "test.parquet", "md5")
    assert (head.learned == processed_tables.read_picture_hashes("train")).all()
    assert not (in_project / "no.db").exists()


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ('{"test": {"ece": 1e-05}}', {"test.ece": 1e-05}),
        ('{"test": ', "^metrics/evaluate.json of the working tree can't be read: "),
        ("[1]", "^metrics/evaluate.json of the working tree should have keys with values, and is a list$"),
    ],
)
def test_the_metrics_are_json(in_project, content, expected):
    committed = EVALUATION.read_text()
    EVALUATION.write_text(content)
    try:
        if isinstance(expected, dict):
            assert names.find(None).evaluation == expected
        else:
            with pytest.raises(UserError, match=expected):
                names.find(None)
    finally:
        EVALUATION.write_text(committed)


def test_an_unknown_name_lists_what_there_is(in_project):
    with pytest.raises(UserError) as error:
        names.find("wid\ne")
    assert str(error.value).splitlines() == [
        r"wid\ne names no model; tried in this order, with what there is:",
        "  versions and aliases: none",
        "  evaluated runs: none",
        "  experiments of DVC: wide",
        r"  git: wid\ne is no revision of this repository; `git log --oneline` lists them",
    ]


def test_an_experiment_on_two_commits_is_ambiguous(in_project):
    reference = f"refs/exps/00/{'0' * 38}/wide"
    git("update-ref", reference, "HEAD")
    with pytest.raises(UserError, match="wide means several experiments of DVC; give the commit of one: "):
        names.find("wide")
    git("update-ref", "-d", reference)


def test_a_revision_without_a_model_says_how_to_get_it(in_project):
    with pytest.raises(UserError, match=r"that revision has no such file.*&& dvc repro evaluate` creates it"):
        names.find("HEAD~2")


def test_versions_and_runs_come_first(store, constant_model, workspace):
    """Costs three seconds: two models are logged and registered."""
    first, second = (registered_version(constant_model(label)) for label in (3, 7))
    store.connect().set_registered_model_alias("digits", "best", second.number)
    git("add", "params.yaml")
    git("commit", "--quiet", "-m", "a branch of this name")
    git("branch", "best")
    for name in ("2", "digits/2", "models:/digits/2", "best", "digits@best", "models:/digits@best", second.run_id[:6]):
        found = names.find(name)
        assert found.origin == "version 2 of the registry (best), run “logged”", name
        assert found.sha256 == digest(workspace / "always_7.onnx", "sha256")
    assert (found.evaluation, found.params, found.learned, found.test_md5) == ({}, {}, None, None)
    with pytest.raises(UserError) as error:
        names.find("logged")
    assert str(error.value).startswith("logged means several runs; give the id of one: ")
    assert {first.run_id[:12], second.run_id[:12]} <= set(str(error.value).split())
    with pytest.raises(UserError, match=r"versions and aliases: 1, 2 = best\n  evaluated runs: .*“logged”, .*“logged”"):
        names.find("models:/digits/3")
    client = store.connect()
    client.create_run(client.get_run(first.run_id).info.experiment_id, run_name="unregistered")
    with pytest.raises(UserError, match=r"git: unregistered is no revision") as error:
        names.find("unregistered")
    assert "  runs of this name, without a version in the registry: " in str(error.value)
    git("branch", "unregistered")
    with pytest.raises(UserError, match="that revision has no such file"):  # the branch has no model
        names.find("unregistered")
