"""A folder of an export is replaced as a whole, and never one that has anything else."""

import pytest

from digits.errors import UserError
from digits.export import folders


def export(folder, content: str = "new") -> None:
    with folders.replace(folder, {"format": "test"}) as temporary:
        (temporary / "sub").mkdir()
        (temporary / "sub" / "file").write_text(content)


def files(folder) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_an_earlier_export_is_replaced_as_a_whole(tmp_path):
    export(tmp_path / "out", "old")
    (tmp_path / "out" / "empty").mkdir()
    export(tmp_path / "out")
    assert files(tmp_path / "out") == {"export.json", "sub/file"}
    assert (tmp_path / "out" / "sub" / "file").read_text() == "new"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_an_empty_folder_is_filled(tmp_path):
    (tmp_path / "out" / "empty").mkdir(parents=True)
    export(tmp_path / "out")
    assert files(tmp_path / "out") == {"export.json", "sub/file"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("photo.png", "mine"),
        ("sub/file", "changed"),
        ("sub/other", "mine"),
        ("export.json", "{}"),
        ("export.json", "["),
    ],
)
def test_a_folder_with_anything_else_stays_as_it_is(tmp_path, name, content):
    out = tmp_path / "out"
    export(out, "old")
    (out / name).write_text(content)
    before = {path: (out / path).read_text() for path in files(out)}
    with pytest.raises(UserError, match="has files that no export has written, or that were changed since"):
        export(out)
    assert {path: (out / path).read_text() for path in files(out)} == before


def test_a_file_stays_as_it_is(tmp_path):
    (tmp_path / "out").write_text("mine")
    with pytest.raises(UserError, match="is a file: give a new folder"):
        export(tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_an_export_that_fails_changes_nothing(tmp_path):
    export(tmp_path / "out", "old")
    with pytest.raises(ZeroDivisionError), folders.replace(tmp_path / "out", {}) as temporary:
        (temporary / "half").write_text(str(1 / 0))
    assert (tmp_path / "out" / "sub" / "file").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_folder_with_another_description_alone_stays_as_it_is(tmp_path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "export.json").write_text('{"mine": 1}')
    with pytest.raises(UserError, match=r"changed since: export\.json"):
        export(tmp_path / "out")
    assert files(tmp_path / "out") == {"export.json"}
