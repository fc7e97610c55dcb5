"""The champion's copy on this machine: whole at any moment, repaired where it is damaged. Some milliseconds each."""

import os
import time
from datetime import datetime

import pytest

from digits.files import digest
from digits.serving import local_copy
from tests.serving import write_constant, write_copy


@pytest.fixture
def folder(tmp_path):
    return write_constant(tmp_path / "served")


def test_what_is_written_is_read(folder):
    copy = local_copy.read(folder)
    assert copy.is_intact()
    assert copy.description["version"] == "3"
    assert copy.onnx_file.read_bytes() == (folder / "model.onnx").read_bytes()


def test_a_damaged_or_missing_file_is_written_again(folder, tmp_path):
    copy = local_copy.read(folder)
    original = (folder / "model.onnx").rename(tmp_path / "original.onnx")
    for harm in (lambda: copy.onnx_file.write_bytes(b"damaged"), copy.onnx_file.unlink):
        harm()
        assert not copy.is_intact()
        local_copy.write(folder, original, copy.description)
        assert copy.is_intact()


def test_the_last_three_files_are_kept_the_one_in_use_among_them(tmp_path, constant_model):
    folder, first = tmp_path / "served", constant_model(0)
    for model in (first, constant_model(1), constant_model(2), first, constant_model(3)):  # 0 is rolled back to
        write_copy(folder, model)
    assert sorted(path.stem for path in folder.glob("*.onnx")) == sorted(
        digest(constant_model(label), "sha256") for label in (0, 2, 3)
    )


@pytest.mark.parametrize("content", ["", "[]", "{", "{}", '{"sha256": 5}', '{"sha256": "../../etc/passwd"}'])
def test_a_description_that_is_none_counts_as_no_copy(folder, content):
    (folder / local_copy.CHAMPION).write_text(content)
    assert local_copy.read(folder) is None


def test_the_state_of_the_registry_has_the_time_of_the_last_check(folder):
    state = local_copy.registry_state(True, None, {"version": "4", "reason": "damaged"})
    path = folder / local_copy.REGISTRY
    local_copy.write_registry_state(folder, state)
    before = path.stat()
    local_copy.write_registry_state(folder, state)
    assert path.stat().st_ino == before.st_ino  # the same file: a disk is not flushed each second
    assert path.stat().st_mtime_ns > before.st_mtime_ns
    found = local_copy.read_registry_state(folder)
    assert abs(time.time() - datetime.fromisoformat(found.pop("checked")).timestamp()) < 5
    assert found == state


def test_a_registry_that_was_not_checked_for_long_is_not_reachable(folder):
    past = time.time() - local_copy.SILENT_SECONDS - 1
    os.utime(folder / local_copy.REGISTRY, (past, past))
    found = local_copy.read_registry_state(folder)
    assert (found["reachable"], found["error"]) == (False, "the registry does not answer")


@pytest.mark.parametrize("content", [None, "", "[]", '{"reachable": true, "color": "red"}', "{}"])
def test_a_state_that_is_none_counts_as_not_checked(folder, content):
    path = folder / local_copy.REGISTRY
    path.unlink() if content is None else path.write_text(content)
    found = local_copy.read_registry_state(folder)
    assert found == {
        "reachable": False,
        "checked": None,
        "error": "the registry was not asked yet",
        "refused": None,
    }
