"""The user's own pictures on disk, a folder for each label: which files are pictures, and errors for the others."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from digits.data.dataset import LABELS
from digits.data.picture_files import SUFFIXES
from digits.errors import UserError, printable
from digits.paths import CORRECTIONS, PROVENANCE
from digits.vcs import dvc_files

PICTURE_SUFFIXES = {f".{suffix}" for suffixes in SUFFIXES.values() for suffix in suffixes}
SYSTEM_FILES = {"Thumbs.db", "desktop.ini"}  # left by file managers; ignored, as is every name that begins with a dot
TABLES = {CORRECTIONS.name, PROVENANCE.name}  # files next to the labels' folders
PARQUET_FOLDER = "parquet"  # likewise: of the source parquet
MAX_PRINTED_ERRORS = 10


class Listing(NamedTuple):
    """The sorted names of the pictures in each label's folder, and a warning for each file that is skipped."""

    names: dict[int, list[str]]
    skipped: list[str]


def listing(root: Path, *, is_only_source: bool = True) -> Listing:
    """List `root`/0 to `root`/9. Raises UserError that names every entry which is no picture and no label.

    A label without pictures is an error where there is no other source: `validate` checks that every label occurs.
    """
    errors, skipped = [], []
    names: dict[int, list[str]] = {label: [] for label in LABELS}
    try:
        for folder in sorted(_entries(root), key=lambda entry: entry.name):
            if _is_other_input(folder):
                continue
            error = _folder_error(folder, root)
            if error:
                errors.append(error)
                continue
            for file in _entries(folder.path):
                error = _file_error(file)
                if error:
                    errors.append(error)
                elif file.is_symlink() and not _target_allowed(file, root):
                    skipped.append(f"{_name(file)} is a link to a file outside {root}: skipped")
                else:
                    names[int(folder.name)].append(file.name)
    except OSError as error:
        raise UserError(f"{printable(error.filename)} can't be read: {error.strerror}") from None
    for label, found in names.items():
        found.sort()
        if is_only_source and not found:
            errors.append(f"{root / str(label)} has no pictures; every label needs some, to learn and to test")
    if errors:
        hidden = len(errors) - MAX_PRINTED_ERRORS
        more = f"\nand {hidden:,} more such errors" if hidden > 0 else ""
        raise UserError("\n".join(sorted(errors)[:MAX_PRINTED_ERRORS]) + more)
    return Listing(names, sorted(skipped))


def read(path: Path) -> bytes:
    """A picture's bytes. Raises UserError naming the file where it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{printable(path)} can't be read: {error.strerror}; make it readable (`chmod u+r`) or remove it"
        ) from None


def text(path: Path) -> str:
    """The path as valid UTF-8 text: other bytes are escaped."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def _entries(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if entry.name[0] != "." and entry.name not in SYSTEM_FILES)


def _is_other_input(entry: os.DirEntry[str]) -> bool:
    return (entry.name in TABLES and entry.is_file()) or (entry.name == PARQUET_FOLDER and entry.is_dir())


def _folder_error(entry: os.DirEntry[str], root: Path) -> str | None:
    if entry.name not in map(str, LABELS):
        hint = f"; is it {int(entry.name)}?" if entry.name.isdecimal() and int(entry.name) in LABELS else ""
        return f"{_name(entry)} is not a label: a folder's name is its digit, 0 to 9{hint}"
    if entry.is_symlink() and entry.is_dir() and not _target_allowed(entry, root):
        return f"{_name(entry)} is a link to a folder outside {root}, which is not allowed"
    return None if entry.is_dir() else f"{_name(entry)} is a file; expected the folder of a label"


def _file_error(entry: os.DirEntry[str]) -> str | None:
    if entry.is_dir(follow_symlinks=False):
        return f"{_name(entry)} is a folder; a label's folder holds pictures only: move its pictures up"
    if Path(entry.name).suffix.lower() not in PICTURE_SUFFIXES:
        return f"{_name(entry)} has no suffix of a picture; allowed: {' '.join(sorted(PICTURE_SUFFIXES))}"
    if entry.is_symlink():
        path = Path(entry.path)
        if not path.exists():
            return f"{_name(entry)} is a broken link"
        return None if path.is_file() else f"{_name(entry)} is a link to something that is not a file"
    return None if entry.is_file() else f"{_name(entry)} is not a regular file"


def _target_allowed(entry: os.DirEntry[str], root: Path) -> bool:
    """Whether a link's target is in the folder itself, or in DVC's cache, which DVC links to."""
    target = Path(entry.path).resolve()
    return target.is_relative_to(root.resolve()) or target.is_relative_to(dvc_files.cache_folder(Path.cwd()))


def _name(entry: os.DirEntry[str]) -> str:
    return printable(entry.path)
