"""A file or folder is replaced only by a complete one."""

import hashlib

import pytest

from digits import files


def test_a_file_appears_complete_and_its_temporary_path_has_its_suffix(tmp_path):
    target = tmp_path / "new" / "a.weights.h5"
    with files.atomic_write(target) as temporary:
        assert temporary.name.endswith(".weights.h5")
        temporary.write_text("one")
        assert not target.exists()
    assert target.read_text() == "one"


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), files.atomic_write(target) as temporary:
        temporary.write_text("half")
        raise ZeroDivisionError
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    target = tmp_path / "data"
    target.mkdir()
    (target / "old").touch()
    with files.atomic_write(target) as temporary:
        temporary.mkdir()
        (temporary / "new").touch()
    assert [path.name for path in target.iterdir()] == ["new"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    (tmp_path / ".partial-data").mkdir()
    (tmp_path / ".partial-data" / "half").touch()
    with files.atomic_write(tmp_path / "data") as temporary:
        temporary.mkdir()
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


def test_json_is_written_the_same_each_time(tmp_path):
    files.write_json(tmp_path / "a.json", {"b": 1.5, "a": ["ü"]})
    assert (tmp_path / "a.json").read_bytes() == '{\n  "b": 1.5,\n  "a": [\n    "ü"\n  ]\n}\n'.encode()
    assert files.read_json(tmp_path / "a.json") == {"b": 1.5, "a": ["ü"]}


def test_digest_is_the_hash_of_the_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"seven")
    assert files.digest(tmp_path / "a", "md5") == hashlib.md5(b"seven").hexdigest()
    assert files.digest(tmp_path / "a", "sha256") == hashlib.sha256(b"seven").hexdigest()
