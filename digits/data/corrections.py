"""Corrections of labels by people, which ingest applies to the pictures with these pixels, whatever their source.

The file data/external/corrections.csv has a row for each picture: the SHA-256 of its pixels (`pictures.pixel_digest`),
the label that its source gives, the right one or "drop", who decided it, when and why.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits import paths
from digits.arrays import Ints
from digits.data import csv_files, splits
from digits.data.dataset import LABELS, SPLITS
from digits.errors import UserError, printable
from digits.files import atomic_write

DROP = "drop"  # the picture is no digit
Effect = tuple[str | int, ...]  # a row of EFFECT_COLUMNS
EFFECTS = CORRECTED, DROPPED, CONFLICT, NOT_NEEDED, NOT_FOUND = (
    "corrected",
    "dropped",
    "conflict",
    "not needed",
    "not found",
)
MAX_PRINTED = 10  # conflicts


class Correction(NamedTuple):
    """`old` and `new` are labels as text, 0 to 9; `new` may be DROP."""

    sha256: str
    old: str
    new: str
    who: str
    when: str
    why: str


COLUMNS = Correction._fields
EFFECT_COLUMNS = ("path", "split", "label", *COLUMNS, "effect")


class Match(NamedTuple):
    """A correction, the row of a picture that it is for, and the label that the picture's source gives."""

    correction: Correction
    row: int
    label: int

    @property
    def effect(self) -> str:
        """What it does: NOT_NEEDED where the source gives the new label already, CONFLICT where it gives a third."""
        if str(self.label) == self.correction.old:
            return DROPPED if self.correction.new == DROP else CORRECTED
        return NOT_NEEDED if str(self.label) == self.correction.new else CONFLICT


def read(path: Path = paths.CORRECTIONS) -> dict[str, Correction]:
    """The corrections by the SHA-256 of the picture; none where there is no such file.

    Raises UserError naming the file and the row of what is wrong.
    """
    if not path.exists():
        return {}
    found: dict[str, Correction] = {}
    for row in csv_files.read(path, COLUMNS):
        digest, old = row.sha256(), row.label("old")
        if row.fields["new"] not in {*map(str, LABELS), DROP} - {str(old)}:
            raise row.error("new", f"another digit than {old}, or {DROP}")
        correction = Correction(**{name: row.fields[name] for name in COLUMNS})
        if found.setdefault(digest, correction)[:3] != correction[:3]:
            raise UserError(
                f"{path}: row {row.number} corrects the picture {digest[:12]}… from {old} to {correction.new}, an "
                f"earlier row from {found[digest].old} to {found[digest].new}: remove one of them"
            )
    return found


def write(corrections: Iterable[Correction], path: Path = paths.CORRECTIONS) -> None:
    """Write the file, in the order given. Other columns of a file that is there are kept, by the SHA-256."""
    others = {row.fields["sha256"]: row.fields for row in csv_files.read(path, COLUMNS)} if path.exists() else {}
    columns = [*dict.fromkeys([*COLUMNS, *(name for fields in others.values() for name in fields)])]
    rows = [others.get(one.sha256, {}) | one._asdict() for one in corrections]
    with atomic_write(path) as temporary:
        text = csv_files.text(columns, [[row.get(name, "") for name in columns] for row in rows])
        temporary.write_text(text, encoding="utf-8")


def match(corrections: dict[str, Correction], digests: np.ndarray, labels: Ints) -> list[Match]:
    """The corrections of n pictures in their order, by their (n,) 'S32' digests, with their (n,) int labels."""
    if not corrections:
        return []
    rows = np.flatnonzero(np.isin(digests, np.array([bytes.fromhex(one) for one in corrections], "S32")))
    names = [splits.whole(digests[row]).hex() for row in rows]
    return [Match(corrections[name], int(row), int(labels[row])) for name, row in zip(names, rows, strict=True)]


def apply(
    corrections: dict[str, Correction],
    digests: np.ndarray,
    names: Callable[[], Sequence[str]],
    split: Ints,
    labels: Ints,
) -> list[Effect]:
    """Apply them to n pictures: changes (n,) int `split` and `labels` in place, and returns rows of EFFECT_COLUMNS.

    These are in the order of the pictures, with the splits from before. `digests` are (n,) 'S32'; `names` gives the
    paths of the pictures where there is a row. Nothing is done to a picture that is DROPPED already.
    """
    found = [one for one in match(corrections, digests, labels) if split[one.row] != splits.DROPPED]
    paths_of = names() if found else []
    rows: list[Effect] = []
    for one in found:
        where = printable(paths_of[one.row]), SPLITS[split[one.row]]
        rows.append((*where, one.label, *one.correction, one.effect))
        if one.effect == CORRECTED:
            labels[one.row] = int(one.correction.new)
        elif one.effect == DROPPED:
            split[one.row] = splits.DROPPED
    return rows


def not_found(corrections: dict[str, Correction], applied: Iterable[Effect]) -> list[Effect]:
    """Rows of EFFECT_COLUMNS of the corrections that no picture is for, by the rows of all others."""
    found = {row[EFFECT_COLUMNS.index("sha256")] for row in applied}
    return [("", "", "", *one, NOT_FOUND) for digest, one in corrections.items() if digest not in found]


def summary(rows: Sequence[Effect]) -> str:
    """The effects in words: counts, and each of the first conflicts."""
    counts = Counter(row[-1] for row in rows)
    lines = [
        f"corrections: {counts[CORRECTED]:,} corrected, {counts[DROPPED]:,} dropped, "
        f"{counts[NOT_NEEDED]:,} not needed, {counts[CONFLICT]:,} in conflict with the source, {counts[NOT_FOUND]:,} "
        f"not found; {paths.CORRECTION_EFFECTS} lists them"
    ]
    conflicts = [dict(zip(EFFECT_COLUMNS, row, strict=True)) for row in rows if row[-1] == CONFLICT]
    lines += [
        f"warning: {one['path']}: the correction from {one['old']} to {one['new']} is not applied, as the source says "
        f"{one['label']}: change or remove it in {paths.CORRECTIONS}"
        for one in conflicts[:MAX_PRINTED]
    ]
    if len(conflicts) > MAX_PRINTED:
        lines.append(f"and {len(conflicts) - MAX_PRINTED:,} more")
    return "\n".join(lines)
