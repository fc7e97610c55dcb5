"""Where the pictures in data/external come from that people sent as feedback: a row for each in a CSV file there."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from filelock import FileLock, Timeout

from digits import paths
from digits.data import corrections, csv_files
from digits.data.dataset import LABELS
from digits.errors import UserError
from digits.files import atomic_write

FILE = paths.PROVENANCE
LOCK = paths.FEEDBACK / "data.lock"
LOCK_SECONDS = 10  # that a command waits for another one


class Provenance(NamedTuple):
    """`sha256` is of the picture's pixels and `path` its file from the project's root; `label` is 0 to 9.

    `who` labelled it, `when` in ISO 8601 (UTC). `request_ids` are separated by spaces; `suggested` is what the senders
    said, `predicted` what the model of `version` answered. What is unknown is empty.
    """

    sha256: str
    path: str
    label: str
    who: str
    when: str
    request_ids: str
    suggested: str
    predicted: str
    version: str


def picture_path(sha256: str, label: str) -> Path:
    """Where a picture with this label is, from the project's root."""
    return paths.EXTERNAL / label / f"feedback-{sha256}.png"


def read(path: Path = FILE) -> dict[str, Provenance]:
    """The rows by the SHA-256 of the picture; none where there is no such file. Raises UserError naming the row."""
    if not path.exists():
        return {}
    found = {}
    for row in csv_files.read(path, Provenance._fields):
        row.label("label")
        found[row.sha256()] = Provenance(**{name: row.fields[name] for name in Provenance._fields})
    return found


def write(rows: Iterable[Provenance], path: Path = FILE) -> None:
    """Write the file, in the order given; without rows there is none."""
    table = [*rows]
    if not table:
        path.unlink(missing_ok=True)
        return
    with atomic_write(path) as temporary:
        temporary.write_text(csv_files.text(Provenance._fields, table), encoding="utf-8")


@contextmanager
def lock(root: Path) -> Iterator[None]:
    """Let no other command of a project add feedback to data/external or remove it. Raises UserError where one does."""
    (root / LOCK).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        with FileLock(root / LOCK, timeout=LOCK_SECONDS):
            yield
    except Timeout:
        raise UserError(
            f"`digits data add-labelled` or `digits feedback forget` is running and has locked {LOCK}: try again once "
            "it has ended"
        ) from None


def remove(sha256s: Iterable[str], root: Path) -> list[Path]:
    """Remove these pictures from a project's data/external, and their rows; returns their paths from its root.

    Their rows in corrections.csv are removed, too.

    The files are those that `picture_path` names, for any label: a person may have moved one, and no path that somebody
    wrote into the table is removed. Files come first, so that what a killed process leaves is found again. Raises
    UserError for a bad table.
    """
    rows, corrected = read(root / FILE), corrections.read(root / paths.CORRECTIONS)
    gone = {*sha256s}
    files = [picture_path(sha256, str(label)) for sha256 in gone for label in LABELS]
    removed = sorted(path for path in files if (root / path).exists())
    for path in removed:
        (root / path).unlink()
    if gone & rows.keys():
        write([row for row in rows.values() if row.sha256 not in gone], root / FILE)
    if gone & corrected.keys():
        kept = [row for row in corrected.values() if row.sha256 not in gone]
        corrections.write(kept, root / paths.CORRECTIONS)
    return removed
