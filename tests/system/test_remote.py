"""A team shares its data over a real SSH server: what one pushes, another clones and pulls, and no stage has to run.

The tests run in their order: each continues where the one before it ended.
"""

from pathlib import Path
from subprocess import Popen
from typing import NamedTuple

import pytest
import yaml

from digits.data import pictures
from tests.scratch import Project, clone
from tests.ssh_server import serving
from tests.tracking_store import client_of, runs_of

NOTHING = "Data and pipelines are up to date."
CACHE = Path(".dvc", "cache", "files", "md5")


class Server(NamedTuple):
    process: Popen
    address: str
    folder: Path

    @property
    def key(self) -> Path:
        return self.folder / "key"

    @property
    def store(self) -> Path:
        return self.folder / "files" / "store" / "files" / "md5"

    @property
    def objects(self) -> dict[str, bytes]:
        return files_in(self.store)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    folder = tmp_path_factory.mktemp("server")
    with serving(folder) as (process, address):
        yield Server(process, address, folder)


@pytest.fixture(scope="module")
def published(trained, server):
    """A scratch project whose pipeline ran and whose files are on the server."""
    trained.run("dvc", "remote", "add", "--default", "team", server.address)
    trained.run("dvc", "remote", "modify", "team", "verify", "true")
    trained.run("dvc", "remote", "modify", "--local", "team", "keyfile", str(server.key))
    trained.commit()
    assert "files pushed" in trained.run("dvc", "push")
    return trained


@pytest.fixture(scope="module")
def first_version(published):
    return versioned(published)


@pytest.fixture(scope="module")
def colleague(published, first_version, server, tmp_path_factory):
    return clone(published, tmp_path_factory.mktemp("colleague") / "digits", server.key)


@pytest.fixture(scope="module")
def newcomer(published, server, tmp_path_factory):
    """A clone of the second version, for the tests of failures."""
    return clone(published, tmp_path_factory.mktemp("newcomer") / "digits", server.key)


def files_in(folder: Path) -> dict[str, bytes]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in found}


def versioned(project: Project) -> dict[str, bytes]:
    """The bytes of every file that DVC tracks and git does not: the pictures and the stages' outputs."""
    stages = yaml.safe_load(project.lock())["stages"].values()
    kept = ["data/external", *(out["path"] for stage in stages for out in stage["outs"])]
    found = [path for name in kept for path in [project.root / name, *(project.root / name).rglob("*")]]
    names = {path.relative_to(project.root).as_posix() for path in found if path.is_file()}
    return {name: (project.root / name).read_bytes() for name in names - set(project.git("ls-files").splitlines())}


def pictures_of(version: dict[str, bytes]) -> dict[str, bytes]:
    return {path: data for path, data in version.items() if path.startswith("data/external/")}


def assert_nothing_to_do(project: Project) -> None:
    """DVC has nothing to run but `register`, which checks each time whether the tracking store has the model."""
    assert NOTHING in project.run("dvc", "status", "evaluate")
    printed = project.run("dvc", "repro")
    assert printed.count("didn't change, skipping") == 5
    assert "registered: " in printed
    assert project.git("status", "--porcelain") == ""


def failing_pull(project: Project) -> str:
    """What a pull prints that cannot succeed; it must end by itself."""
    with project.start("dvc", "pull") as process:
        try:
            printed, _ = process.communicate(timeout=120)
        finally:
            process.kill()
    assert process.returncode not in (0, None), printed
    assert "Traceback" not in printed
    assert project.git("status", "--porcelain") == ""
    assert "deleted: " in project.run("dvc", "data", "status")
    with project.start("dvc", "status") as process:  # it may fail, but must not report this as complete
        assert "up to date" not in process.communicate()[0]
    return printed


def test_a_push_sends_every_tracked_file(published, server, first_version):
    assert set(first_version.values()) <= set(server.objects.values())
    assert server.objects.items() <= files_in(published.root / CACHE).items()
    assert "Cache and remote 'team' are in sync." in published.run("dvc", "status", "--cloud")
    assert "Everything is up to date." in published.run("dvc", "push")


def test_the_committed_config_has_the_server_and_no_key(published, server):
    shared = published.git("show", "HEAD:.dvc/config")
    assert server.address in shared
    assert "keyfile" not in shared
    assert published.git("status", "--porcelain") == ""


def test_after_a_clone_and_a_pull_everything_is_up_to_date(published, colleague):
    assert not (colleague.root / "data" / "external").exists()
    colleague.run("dvc", "pull")
    assert_nothing_to_do(colleague)
    assert colleague.lock() == published.lock()


def test_every_pulled_picture_and_output_is_unchanged(colleague, first_version):
    assert versioned(colleague) == first_version
    assert len(pictures_of(first_version)) == 200


def test_the_pulled_model_is_registered_without_training_it_again(colleague):
    (run,) = runs_of(client_of(f"sqlite:///{colleague.root}/mlflow.db"))
    assert run.data.tags["logged"] == "later, from the files"
    assert "version 1 is the champion already" in colleague.run("digits", "sync")
    assert colleague.git("status", "--porcelain") == ""


def test_a_second_version_of_the_pictures_is_shared_too(published, colleague, server, first_version, mnist_digits):
    external = published.root / "data" / "external"
    new = mnist_digits.images[mnist_digits.labels == 7][20]
    (external / "7" / "020.png").write_bytes(pictures.encode_png(new))
    (external / "3" / "000.png").rename(external / "5" / "relabelled.png")
    sent_before = server.objects
    published.run("dvc", "add", "data/external")
    published.run("dvc", "repro", "ingest")
    published.commit()
    published.run("dvc", "push")
    assert sent_before.items() < server.objects.items()

    colleague.git("pull", "--quiet")
    colleague.run("dvc", "pull")
    assert NOTHING in colleague.run("dvc", "status", "ingest")
    second = versioned(colleague)
    assert second == versioned(published)
    assert pictures_of(second).keys() - pictures_of(first_version) == {
        "data/external/5/relabelled.png",
        "data/external/7/020.png",
    }
    assert pictures_of(first_version).keys() - pictures_of(second) == {"data/external/3/000.png"}
    assert second["data/external/5/relabelled.png"] == first_version["data/external/3/000.png"]


def test_a_missing_key_is_reported(published, tmp_path):
    stranger = clone(published, tmp_path / "digits", key=None)
    assert "Permission denied for user team" in failing_pull(stranger)


def test_a_server_killed_during_a_pull_leaves_only_complete_files(newcomer, server):
    with serving(server.folder, "100") as (_, address):
        newcomer.run("dvc", "remote", "modify", "--local", "team", "url", address)
        printed = failing_pull(newcomer)
    assert "failed to transfer" in printed
    newcomer.run("dvc", "remote", "modify", "--local", "team", "url", server.address)
    fetched = files_in(newcomer.root / CACHE)
    assert fetched
    assert fetched.items() < server.objects.items()


def test_a_file_damaged_on_the_server_is_not_pulled_until_it_is_repaired(published, newcomer, server):
    missing = server.objects.items() - files_in(newcomer.root / CACHE).items()
    wanted = set(versioned(published).values())
    name, whole = min((name, data) for name, data in missing if data in wanted)
    (server.store / name).chmod(0o644)
    (server.store / name).write_bytes(whole[:-1])
    assert "failed to pull data from the cloud" in failing_pull(newcomer)
    assert whole[:-1] not in versioned(newcomer).values()
    (server.store / name).write_bytes(whole)
    newcomer.run("dvc", "pull")
    assert NOTHING in newcomer.run("dvc", "status", "ingest")
    assert versioned(newcomer) == versioned(published)


def test_a_server_that_is_down_is_reported_and_no_file_is_written(published, server, tmp_path):
    server.process.kill()
    server.process.wait()
    late = clone(published, tmp_path / "digits", server.key)
    printed = failing_pull(late)
    assert "failed to connect to ssh" in printed
    assert "failed to pull data from the cloud" in printed
    assert versioned(late) == {}
    assert files_in(late.root / CACHE) == {}


def test_both_versions_are_checked_out_without_the_server(published, colleague, first_version, server):
    assert server.process.poll() is not None
    second = versioned(published)
    for commit, version in (("HEAD~1", first_version), ("main", second)):
        colleague.git("checkout", "--quiet", commit)
        colleague.run("dvc", "checkout")
        assert versioned(colleague) == version
        assert NOTHING in colleague.run("dvc", "status", "ingest")
