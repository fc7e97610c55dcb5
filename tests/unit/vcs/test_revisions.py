"""Access to git and DVC: the working tree and commits."""

import subprocess

import yaml

from digits.vcs import dvc_files, revisions
from tests.git import commit_all, git


def test_a_patch_keeps_the_bytes_of_any_encoding(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    git("init")
    notes = tmp_path / "notes.txt"
    notes.write_bytes(b"caf\xe9\r\n")  # Latin-1, and lines as Windows ends them
    commit_all("start")
    notes.write_bytes(b"caf\xe9s\r\n")
    patch = revisions.patch()
    assert b"+caf\xe9s\r\n" in patch
    git("checkout", ".")
    subprocess.run(["git", "apply", "-"], input=patch, check=True)
    assert notes.read_bytes() == b"caf\xe9s\r\n"


def test_a_folders_hash_is_the_one_that_dvc_gives_it(tmp_path, monkeypatch):
    """So an edit in a folder that a stage depends on is found by comparing dvc.lock with git."""
    from dvc.repo import Repo

    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "folder"
    (folder / "inner").mkdir(parents=True)
    for name in ("a.py", "z.py", "inner/b.py"):
        (folder / name).write_text(f"# {name}\n")
    stages = {"check": {"cmd": "echo done", "deps": ["folder", "folder/a.py"]}}
    (tmp_path / "dvc.yaml").write_text(yaml.safe_dump({"stages": stages}))
    git("init")
    commit_all("start")
    Repo.init().reproduce()
    committed = {entry["path"]: entry["md5"] for entry in dvc_files.lock(None)["check"]["deps"]}
    assert {path: dvc_files.dependency_hash(path, "HEAD") for path in committed} == committed
    assert {path: dvc_files.dependency_hash(path, None) for path in committed} == committed
    (folder / "inner" / "b.py").write_text("# edited\n")
    assert dvc_files.dependency_hash("folder", None) != committed["folder"]
    assert dvc_files.dependency_hash("folder", "HEAD") == committed["folder"]
    assert dvc_files.dependency_hash("folder/a.py", None) == committed["folder/a.py"]
    assert dvc_files.dependency_hash("nothing", "HEAD") is None
