"""Sources with DVC: several at once, the former key, pictures that DVC does not track, and none at all; a minute."""

import shutil

import pytest

BOTH = ("-S", "ingest.sources=[mnist-5k,folder]", "ingest")


@pytest.fixture(scope="module")
def untracked(scratch):
    """A project with 200 pictures in data/external, which neither DVC nor git tracks, and the default's source."""
    (scratch.root / "data" / "external.dvc").unlink()
    scratch.set_params(ingest={"sources": ["mnist-5k"]})
    scratch.commit()
    return scratch


def test_the_former_key_gets_an_error_that_names_the_new_one(untracked):
    printed = untracked.run("dvc", "exp", "run", "-S", "ingest.source=folder", "ingest", fails=True)
    assert "ingest.source is now ingest.sources, a list such as [folder]" in printed
    untracked.git("checkout", "params.yaml")


def test_an_experiment_ingests_both_sources_and_runs_again_after_a_new_picture(untracked):
    assert "ingested 5,200 pictures from mnist-5k, folder" in untracked.run("dvc", "exp", "run", *BOTH)
    assert "up to date" in untracked.run("dvc", "status", "ingest")
    external = untracked.root / "data" / "external"
    (external / "0" / "000.png").rename(external / "1" / "moved.png")
    assert ".external" in untracked.run("dvc", "status", "ingest")
    untracked.git("checkout", ".")


def test_an_experiment_in_a_copy_takes_the_pictures_along_if_it_is_told_to(untracked):
    assert "needs `-C data/external`" in untracked.run("dvc", "exp", "run", "--temp", *BOTH, fails=True)
    command = ("dvc", "exp", "run", "--temp", "-C", "data/external", *BOTH)
    assert "ingested 5,200 pictures from mnist-5k, folder" in untracked.run(*command)


def test_without_any_pictures_of_ones_own_other_sources_work(untracked):
    shutil.rmtree(untracked.root / "data" / "external")
    assert "ingested 5,000 pictures from mnist-5k" in untracked.run("dvc", "repro", "ingest")
    assert "data/external does not exist" in untracked.run("dvc", "exp", "run", *BOTH, fails=True)
