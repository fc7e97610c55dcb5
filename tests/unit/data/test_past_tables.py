"""Tables at a revision and in DVC's cache: a file in the first commit, the same rows as shards in the second."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from digits.data import past_tables, shards
from digits.errors import UserError
from digits.vcs import dvc_files
from tests.git import commit_all, git
from tests.sharded import shard

PATH = Path("data/table.parquet")
TABLE = pa.table({"row": list(range(10))})


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """The project's folder; its hashes are those of dvc.lock, as DVC gives them to a table inside an output."""
    from dvc.repo import Repo

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("tables")
        patch.chdir(folder)
        patch.delenv("DVC_ROOT", raising=False)
        (folder / "data").mkdir()
        pq.write_table(TABLE, PATH)
        git("init")
        write = {"cmd": "echo written", "outs": [{"data": {"persist": True}}]}
        stages = {"write": write, "check": {"cmd": "echo done", "deps": [PATH.as_posix()]}}
        (folder / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
        with Repo.init() as repo:
            for message in ("a file", "shards"):
                if message == "shards":
                    shard(PATH, 4)
                repo.reproduce(force=True)
                commit_all(message)
            yield


@pytest.mark.parametrize("revision", [None, "HEAD", "HEAD~1"])
def test_a_table_is_read_at_a_revision(project, revision):
    assert shards.read(past_tables.at_revision(PATH, revision)) == TABLE


def test_a_table_of_the_working_tree_without_one_of_its_shards_is_an_error(project):
    missing, elsewhere = PATH / shards.part_name(1), Path("elsewhere")
    missing.rename(elsewhere)
    try:
        with pytest.raises(UserError, match=rf"^{missing} is not in the working tree"):
            shards.read(past_tables.at_revision(PATH, None))
    finally:
        elsewhere.rename(missing)


def test_the_hash_of_a_table_is_that_of_dvc(project):
    locked = {revision: dvc_files.lock(revision)["check"]["deps"][0]["md5"] for revision in ("HEAD", "HEAD~1")}
    assert [md5.endswith(".dir") for md5 in locked.values()] == [True, False]
    assert {revision: dvc_files.hash_at(PATH, revision, "check") for revision in locked} == locked
    assert dvc_files.hash_of(PATH) == dvc_files.hash_at(PATH, None, "check") == locked["HEAD"]


def test_the_hash_of_a_missing_table_is_an_error(project):
    with pytest.raises(FileNotFoundError):
        dvc_files.hash_of(Path("data/no.parquet"))
    with pytest.raises(UserError, match="no such file"):
        dvc_files.hash_at(Path("data/no.parquet"), "HEAD", "check")


def test_the_hash_of_a_table_at_a_revision_reads_no_file(project, monkeypatch):
    monkeypatch.setattr(dvc_files, "opened", None)
    assert dvc_files.hash_at(PATH, "HEAD", "check") == dvc_files.hash_of(PATH)


def test_a_revision_without_the_table_is_named(project):
    with pytest.raises(UserError, match=r"data/no\.parquet of HEAD~1 cannot be read"):
        list(past_tables.at_revision(Path("data/no.parquet"), "HEAD~1"))


def test_a_table_is_read_from_the_cache_unless_it_lacks_a_shard(project):
    for revision in ("HEAD", "HEAD~1"):
        assert shards.read(past_tables.in_cache(PATH, dvc_files.hash_at(PATH, revision, "check"))) == TABLE
    md5 = dvc_files.hash_of(PATH)
    last = list(dvc_files.cached_files(md5, PATH).values())[-1]
    content = last.read_bytes()
    last.chmod(0o644)
    try:
        last.write_bytes(content + b"altered")
        assert not past_tables.is_unaltered(past_tables.in_cache(PATH, md5))
        last.unlink()
        assert past_tables.in_cache(PATH, md5) is None
    finally:
        last.write_bytes(content)
    assert past_tables.is_unaltered(past_tables.in_cache(PATH, md5))


def test_a_hash_that_the_cache_does_not_know(project):
    assert past_tables.in_cache(PATH, "0" * 32) is None
    assert past_tables.in_cache(PATH, "0" * 32 + ".dir") is None
