"""A project that was moved or copied keeps its record, and writes to its own artifacts."""

import shutil
import sqlite3
from contextlib import closing

import pytest

from digits.tracking import relocation

TABLES = relocation.COLUMNS.items()


@pytest.fixture
def make(tmp_path):
    """A function that makes a project, with a database whose locations have the prefix that is given."""

    def project(name: str, prefix: str, artifacts: bool = True):
        root = tmp_path / name
        (root / ".dvc").mkdir(parents=True)
        if artifacts:
            (root / "mlartifacts").mkdir()
        with closing(sqlite3.connect(root / "mlflow.db")) as database, database:
            for table, column in TABLES:
                database.execute(f"CREATE TABLE {table} ({column} TEXT)")
                tail = "" if table == "experiments" else "/1/artifacts"
                database.execute(f"INSERT INTO {table} VALUES (?), ('s3://bucket/mlartifacts/1')", (prefix + tail,))
        return root

    return project


def locations(root) -> dict[str, list[str]]:
    with closing(sqlite3.connect(root / "mlflow.db")) as database:
        return {
            table: [row[0] for row in database.execute(f"SELECT {column} FROM {table}")] for table, column in TABLES
        }


def expected(root) -> dict[str, list[str]]:
    prefix = (root / "mlartifacts").as_uri()
    tails = {table: "" if table == "experiments" else "/1/artifacts" for table, _ in TABLES}
    return {table: [prefix + tail, "s3://bucket/mlartifacts/1"] for table, tail in tails.items()}


@pytest.mark.parametrize("old", ["old", "old%2F and ü?"])
@pytest.mark.parametrize("new", ["new", "new#1"])
def test_a_moved_project_has_its_locations_at_the_new_place(make, tmp_path, capsys, old, new):
    root = make(old, (tmp_path / old / "mlartifacts").as_uri())
    moved = root.rename(tmp_path / new)
    assert relocation.former_places(moved / "mlflow.db", moved) == [root]
    relocation.relocate(moved / "mlflow.db", moved)
    assert locations(moved) == expected(moved)
    assert relocation.former_places(moved / "mlflow.db", moved) == []
    printed = capsys.readouterr()
    assert str(root) in printed.err and not printed.out  # standard output has a command's answers


def test_a_copy_leaves_the_original_alone(make, tmp_path):
    original = make("original", (tmp_path / "original" / "mlartifacts").as_uri())
    copy = tmp_path / "copy"
    shutil.copytree(original, copy)
    relocation.relocate(copy / "mlflow.db", copy)
    relocation.relocate(original / "mlflow.db", original)
    assert locations(copy) == expected(copy)
    assert locations(original) == expected(original)


@pytest.mark.parametrize("chosen", ["/somewhere/else/files", "s3://bucket/mlartifacts"])
def test_a_place_that_the_user_chose_stays(make, chosen):
    root = make("project", chosen)
    before = locations(root)
    relocation.relocate(root / "mlflow.db", root)
    assert locations(root) == before


def test_a_folder_of_that_name_that_is_no_project_stays(make, tmp_path):
    (tmp_path / "disk" / "mlartifacts").mkdir(parents=True)
    root = make("project", (tmp_path / "disk" / "mlartifacts").as_uri())
    before = locations(root)
    relocation.relocate(root / "mlflow.db", root)
    assert locations(root) == before


def test_a_disk_that_is_not_mounted_is_not_taken_for_the_old_place(make):
    root = make("project", "file:///not-mounted/mlartifacts", artifacts=False)
    before = locations(root)
    relocation.relocate(root / "mlflow.db", root)
    assert locations(root) == before


def test_a_database_that_projects_share_stays(make, tmp_path):
    shared = make("shared", "file:///gone/mlartifacts")
    project = make("project", (tmp_path / "project" / "mlartifacts").as_uri())
    before = locations(shared)
    relocation.relocate(shared / "mlflow.db", project)
    assert locations(shared) == before


def test_a_project_whose_old_folder_is_left_empty_has_moved(make, tmp_path):
    """As after `mv old/* new/`."""
    old = make("old", (tmp_path / "old" / "mlartifacts").as_uri())
    moved = tmp_path / "new"
    moved.mkdir()
    for entry in old.iterdir():
        entry.rename(moved / entry.name)
    relocation.relocate(moved / "mlflow.db", moved)
    assert locations(moved) == expected(moved)
