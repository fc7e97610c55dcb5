"""Folders of labels: which files are pictures, and the messages for the others."""

import os
import shutil
from pathlib import Path

import pytest

from digits.data import labelled_folders
from digits.data.labelled_folders import listing
from digits.errors import UserError

ROOT = Path("external")


@pytest.fixture
def root(tmp_path, monkeypatch) -> Path:
    """Two pictures of each label, in a folder of the test's own."""
    monkeypatch.chdir(tmp_path)
    for label in range(10):
        (ROOT / str(label)).mkdir(parents=True)
        for name in ("b.png", "a.png"):
            (ROOT / str(label) / name).write_bytes(b"a picture")
    return ROOT


def fault(root: Path) -> str:
    with pytest.raises(UserError) as error:
        listing(root)
    return str(error.value)


def test_the_pictures_of_each_label_come_sorted(root):
    (root / "3" / "C.JPEG").touch()
    names, skipped = listing(root)
    assert names == {label: ["a.png", "b.png"] if label != 3 else ["C.JPEG", "a.png", "b.png"] for label in range(10)}
    assert skipped == []


@pytest.mark.parametrize(
    "suffix",
    [
        "png",
        "jpg",
        "jpeg",
        "bmp",
        "tif",
        "tiff",
        "webp",
        "gif",
        "pgm",
        "ppm",
        "heic",
        "heif",
        "hif",
        "avif",
        "PNG",
        "Jpg",
        "HEIC",
    ],
)
def test_a_file_with_a_suffix_of_a_picture_is_listed(root, suffix):
    (root / "3" / f"z.b.{suffix}").touch()
    assert listing(root).names[3][-1] == f"z.b.{suffix}"


@pytest.mark.parametrize("name", [".DS_Store", "Thumbs.db", "desktop.ini", ".gitignore", ".hidden.png"])
def test_files_of_file_managers_are_ignored(root, name):
    (root / name).touch()
    (root / "3" / name).touch()
    assert listing(root) == ({label: ["a.png", "b.png"] for label in range(10)}, [])


@pytest.mark.parametrize("name", ["corrections.csv", "provenance.csv"])
def test_a_table_of_the_folder_is_no_picture_and_a_csv_file_elsewhere_is_an_error(root, name):
    (root / name).touch()
    assert listing(root) == ({label: ["a.png", "b.png"] for label in range(10)}, [])
    (root / "3" / name).touch()
    assert f"external/3/{name} has no suffix of a picture" in fault(root)


def test_beside_other_sources_a_few_labels_are_enough(root):
    for label in range(10):
        if label != 7:
            shutil.rmtree(root / str(label))
    (root / "4").mkdir()
    assert listing(root, is_only_source=False).names == {n: ["a.png", "b.png"] if n == 7 else [] for n in range(10)}
    assert len(fault(root).splitlines()) == 9


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda root: (root / "ten").mkdir(), "external/ten is not a label: a folder's name is its digit, 0 to 9"),
        (lambda root: (root / "10").mkdir(), "external/10 is not a label: a folder's name is its digit, 0 to 9"),
        (lambda root: (root / "-1").mkdir(), "external/-1 is not a label: a folder's name is its digit, 0 to 9"),
        (
            lambda root: (root / "corrections.csv").mkdir(),
            "external/corrections.csv is not a label: a folder's name is its digit, 0 to 9",
        ),
        (lambda root: (root / "x.png").touch(), "external/x.png is not a label: a folder's name is its digit, 0 to 9"),
        (
            lambda root: (root / "07").mkdir(),
            "external/07 is not a label: a folder's name is its digit, 0 to 9; is it 7?",
        ),
        (
            lambda root: (root / "3" / "inner").mkdir(),
            "external/3/inner is a folder; a label's folder holds pictures only: move its pictures up",
        ),
        (
            lambda root: (root / "3" / "inner.png").mkdir(),
            "external/3/inner.png is a folder; a label's folder holds pictures only: move its pictures up",
        ),
        (
            lambda root: (root / "3" / "notes.txt").touch(),
            "external/3/notes.txt has no suffix of a picture; allowed: "
            ".avif .bmp .gif .heic .heif .hif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp",
        ),
        (
            lambda root: (root / "3" / "png").touch(),
            "external/3/png has no suffix of a picture; allowed: "
            ".avif .bmp .gif .heic .heif .hif .jpeg .jpg .pgm .png .ppm .tif .tiff .webp",
        ),
        (
            lambda root: (root / "3" / "x.png").symlink_to("nowhere.png"),
            "external/3/x.png is a broken link",
        ),
        (lambda root: (root / "3" / "x.png").symlink_to("x.png"), "external/3/x.png is a broken link"),
        (lambda root: os.mkfifo(root / "3" / "x.png"), "external/3/x.png is not a regular file"),
        (
            lambda root: [path.unlink() for path in (root / "4").iterdir()],
            "external/4 has no pictures; every label needs some, to learn and to test",
        ),
    ],
)
def test_a_fault_is_named(root, make, words):
    make(root)
    assert fault(root) == words


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda path: path.symlink_to("."), "external/3/x.png is "),
        (lambda path: (os.mkfifo(path.with_name(".pipe")), path.symlink_to(".pipe")), "external/3/x.png is "),
    ],
    ids=["to a folder", "to a pipe"],
)
def test_a_link_to_what_is_not_a_file_is_an_error(root, make, words):
    make(root / "3" / "x.png")
    assert fault(root).startswith(words)


def test_a_label_that_is_a_file_or_missing_is_named(root):
    for name in ("a.png", "b.png"):
        (root / "4" / name).unlink()
        (root / "5" / name).unlink()
    for name in "45":
        (root / name).rmdir()
    (root / "5").touch()
    assert fault(root).splitlines() == [
        "external/4 has no pictures; every label needs some, to learn and to test",
        "external/5 has no pictures; every label needs some, to learn and to test",
        "external/5 is a file; expected the folder of a label",
    ]


def test_several_faults_are_named_at_once_sorted(root):
    (root / "ten").mkdir()
    (root / "3" / "notes.txt").touch()
    (root / "8" / "inner").mkdir()
    for path in (root / "0").iterdir():
        path.unlink()
    named = [line.split()[0] for line in fault(root).splitlines()]
    assert named == ["external/0", "external/3/notes.txt", "external/8/inner", "external/ten"]


def test_ten_faults_are_named_and_the_rest_counted(root):
    for number in range(1500):
        (root / "3" / f"{number:04}.txt").touch()
    lines = fault(root).splitlines()
    assert [line.split()[0] for line in lines[:10]] == [f"external/3/{number:04}.txt" for number in range(10)]
    assert lines[10:] == ["and 1,490 more such errors"]


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        (os.fsdecode(b"\xff.txt"), r"external/3/\udcff.txt"),
        ("two\nlines.txt", r"external/3/two\nlines.txt"),
        ("größe.txt", "external/3/größe.txt"),
    ],
)
def test_a_fault_is_one_printable_line_for_any_name(root, name, shown):
    (root / "3" / name).touch()
    assert fault(root).startswith(f"{shown} has no suffix of a picture")
    assert len(fault(root).encode("utf-8").splitlines()) == 1


def test_a_name_that_is_no_utf8_is_a_picture_as_any_other(root):
    name = os.fsdecode(b"\xf6.png")
    (root / "3" / name).write_bytes(b"here")
    assert listing(root).names[3] == ["a.png", "b.png", name]
    assert labelled_folders.read(root / "3" / name) == b"here"
    assert labelled_folders.text(root / "3" / name) == r"external/3/\udcf6.png"


class TestLinks:
    def test_one_to_a_file_outside_is_skipped_and_reported(self, root):
        Path("secret.png").write_bytes(b"secret")
        (root / "3" / "c.png").symlink_to("../../secret.png")
        (root / "1" / "c.png").symlink_to(Path("secret.png").resolve())
        names, skipped = listing(root)
        assert names[3] == names[1] == ["a.png", "b.png"]
        assert skipped == [f"external/{label}/c.png is a link to a file outside external: skipped" for label in (1, 3)]

    def test_one_that_is_skipped_does_not_count(self, root):
        Path("secret.png").touch()
        for path in (root / "3").iterdir():
            path.unlink()
        (root / "3" / "c.png").symlink_to("../../secret.png")
        assert fault(root).startswith("external/3 has no pictures")

    @pytest.mark.parametrize(
        "where", [Path(".dvc/cache/files/md5/ab/cdef"), ROOT / "4/a.png"], ids=["DVC's cache", "the folder"]
    )
    def test_one_inside_or_to_the_cache_is_followed(self, root, where):
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_bytes(b"there")
        (root / "3" / "c.png").symlink_to(where.resolve())
        assert listing(root).skipped == []
        assert listing(root).names[3] == ["a.png", "b.png", "c.png"]
        assert labelled_folders.read(root / "3" / "c.png") == b"there"

    def test_the_whole_folder_may_be_one(self, root):
        root.rename("elsewhere")
        ROOT.symlink_to("elsewhere")
        (ROOT / "3" / "c.png").symlink_to(Path("elsewhere/4/a.png").resolve())
        assert listing(ROOT).names[3] == ["a.png", "b.png", "c.png"]
        assert listing(ROOT).skipped == []

    def test_a_labels_folder_that_is_one_to_outside_is_not_followed(self, root):
        (root / "3").rename("secrets")
        (root / "3").symlink_to(Path("secrets").resolve())
        assert "external/3" in fault(root)  # left out or refused: either way too few are left


def test_a_picture_that_cant_be_read_is_named(root):
    with pytest.raises(
        UserError, match=r"^external/3/gone\.png can't be read: No such file or directory; make it readable"
    ):
        labelled_folders.read(root / "3" / "gone.png")


def test_a_folder_that_is_not_there_is_named(root):
    assert fault(Path("nowhere")) == "nowhere can't be read: No such file or directory"
