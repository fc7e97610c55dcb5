"""People's own pictures on disk, a folder per label: what counts as one, and what is wrong with the rest."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from digits import versions
from digits.dataset import LABELS
from digits.errors import UserError, printable
from digits.pictures import SUFFIXES

KNOWN = {f".{suffix}" for suffixes in SUFFIXES.values() for suffix in suffixes}
IGNORED = {"Thumbs.db", "desktop.ini"}  # beside names that begin with a dot: what file managers leave behind
NAMED = 10  # faults that one message names


class Listing(NamedTuple):
    """The names of the pictures in each label's folder, sorted, and what was left out, in words."""

    names: dict[int, list[str]]
    left_out: list[str]


def listing(root: Path) -> Listing:
    """List `root`/0 to `root`/9. Raises UserError naming everything that is no picture and no label."""
    faults, left_out, names = [], [], {label: [] for label in LABELS}
    try:
        entries = sorted(_seen(root), key=lambda entry: entry.name)
        for entry in entries:
            if entry.name not in map(str, LABELS):
                faults.append(_no_label(entry))
            elif entry.is_symlink() and entry.is_dir() and not _stays(entry, root):
                faults.append(f"{_shown(entry)} is a link that leads out of {root}: not followed")
            elif not entry.is_dir():
                faults.append(f"{_shown(entry)} is a file, where the folder of a label is expected")
            else:
                for inner in _seen(entry.path):
                    fault = _fault(inner)
                    if fault:
                        faults.append(fault)
                    elif inner.is_symlink() and not _stays(inner, root):
                        left_out.append(f"{_shown(inner)} is a link that leads out of {root}: not followed")
                    else:
                        names[int(entry.name)].append(inner.name)
    except OSError as error:
        raise UserError(f"{printable(error.filename)} can't be read: {error.strerror}") from None
    for label, found in names.items():
        found.sort()
        if len(found) < 2:
            held = "1 picture" if found else "0 pictures"
            faults.append(
                f"{root / str(label)} holds {held}; every label needs at least 2, one to train on and one to test"
            )
    if faults:
        more = f"\nand {len(faults) - NAMED:,} more such faults" if len(faults) > NAMED else ""
        raise UserError("\n".join(sorted(faults)[:NAMED]) + more)
    return Listing(names, sorted(left_out))


def read(path: Path) -> bytes:
    """A picture's bytes. Raises UserError naming the file where it can't be read."""
    try:
        return path.read_bytes()
    except OSError as error:
        raise UserError(
            f"{printable(path)} can't be read: {error.strerror}; mend it (`chmod u+r`) or take it away"
        ) from None


def text(path: Path) -> str:
    """The path as text that any file format can hold: bytes that are no UTF-8 are escaped."""
    return path.as_posix().encode("utf-8", "backslashreplace").decode()


def _seen(folder: Path | str) -> Iterator[os.DirEntry]:
    with os.scandir(folder) as entries:
        yield from (entry for entry in entries if entry.name[0] != "." and entry.name not in IGNORED)


def _no_label(entry: os.DirEntry) -> str:
    hint = f"; is it {int(entry.name)}?" if entry.name.isdecimal() and int(entry.name) in LABELS else ""
    return f"{_shown(entry)} is no label: a folder is named by its digit, 0 to 9{hint}"


def _fault(entry: os.DirEntry) -> str | None:
    if entry.is_dir(follow_symlinks=False):
        return f"{_shown(entry)} is a folder inside that of a label, which holds pictures only: move them up"
    if Path(entry.name).suffix.lower() not in KNOWN:
        return f"{_shown(entry)} is not named as a picture; allowed: {' '.join(sorted(KNOWN))}"
    if entry.is_symlink():
        leads = Path(entry.path)
        if not leads.exists():
            return f"{_shown(entry)} is a link that leads nowhere"
        return None if leads.is_file() else f"{_shown(entry)} is a link that leads to no file"
    return None if entry.is_file() else f"{_shown(entry)} is no file"


def _stays(entry: os.DirEntry, root: Path) -> bool:
    target = Path(entry.path).resolve()
    return target.is_relative_to(root.resolve()) or target.is_relative_to(versions.cache())  # a link of DVC's own


def _shown(entry: os.DirEntry) -> str:
    return printable(entry.path)
