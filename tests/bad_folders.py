"""Faults of a user's folder: its files, names, links, and pictures that belong together."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np

from digits.data import pictures
from digits.paths import EXTERNAL
from tests.bad_pictures import png
from tests.faults import ACCEPTED, DIR, INGEST_REFUSES, INGEST_WARNS, VALIDATE_REFUSES, VALIDATE_WARNS, Made, Row
from tests.raw import read_raw

NO_LABEL = "is not a label: a folder's name is its digit, 0 to 9"
NO_SUFFIX = "has no suffix of a picture; allowed: .avif .bmp"
TOO_FEW = "has no pictures; every label needs some, to learn and to test"


# Faults of the folder: functions that return the function for a row.


def file(name: str, data: bytes = b"three") -> Callable[[], None]:
    return lambda: (EXTERNAL / name).write_bytes(data)


def folder(name: str) -> Callable[[], None]:
    return lambda: (EXTERNAL / name).mkdir()


def link(name: str, to: str) -> Callable[[], None]:
    return lambda: (EXTERNAL / name).symlink_to(to)


def without(name: str, keep: int = 0) -> Callable[[], None]:
    """Remove the pictures of a label, all but `keep` of them."""

    def spoil() -> None:
        for path in sorted((EXTERNAL / name).iterdir())[keep:]:
            path.unlink()

    return spoil


def one_after_another(*steps: Callable[[], object]) -> Callable[[], None]:
    def spoil() -> None:
        for step in steps:
            step()

    return spoil


def picture_in(split: str, label: int) -> Path:
    """A picture that the folder's next ingest will assign to `split`: the names decide that, and are not changed."""
    return next(Path(example.path) for example in read_raw(split) if example.label == label)


def in_both_splits(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[], None]:
    def spoil() -> None:
        digit = pictures.decode(picture_in("test", 3).read_bytes()).pixels
        picture_in("train", 3).write_bytes(png(change(digit)))

    return spoil


def two_thousand_copies() -> None:
    for number in range(2000):
        os.link(EXTERNAL / "3/07.png", EXTERNAL / f"3/copy {number}.png")


def link_to_outside(name: str) -> Callable[[], None]:
    """Move the picture or folder `name` out of the folder, and make a link to it."""

    def spoil() -> None:
        outside = Path("outside").absolute()
        outside.mkdir()
        (EXTERNAL / name).rename(outside / Path(name).name)
        (EXTERNAL / name).symlink_to(outside / Path(name).name)

    return spoil


FOLDERS = [
    Row("a text", file("3/notes.txt"), INGEST_REFUSES, (f"{DIR}/3/notes.txt {NO_SUFFIX}",)),
    Row("a file without a suffix", file("3/three"), INGEST_REFUSES, (f"{DIR}/3/three {NO_SUFFIX}",)),
    Row(
        "a thousand texts",
        one_after_another(*(file(f"3/{number:03d}.txt") for number in range(1000))),
        INGEST_REFUSES,
        (f"{DIR}/3/009.txt {NO_SUFFIX}", "and 990 more such errors"),
    ),
    *(
        Row(f"a folder named {name}", folder(name), INGEST_REFUSES, (f"{DIR}/{name} {NO_LABEL}",))
        for name in ("ten", "-1", "10", "3.5")
    ),
    Row("a folder named 07", folder("07"), INGEST_REFUSES, (f"{DIR}/07 {NO_LABEL}; is it 7?",)),
    Row("a folder named by an Arabic three", folder("٣"), INGEST_REFUSES, (f"{DIR}/٣ {NO_LABEL}; is it 3?",)),
    Row("an empty folder", without("4"), INGEST_REFUSES, (f"{DIR}/4 {TOO_FEW}",)),
    Row(
        "a folder with one picture",
        without("4", keep=1),
        VALIDATE_REFUSES,
        (
            "critical: digits_in_splits (every digit occurs in each split, as drawn with ingest.seed = 45, … "
            ", no test 4: add pictures, or change fraction, seed or ingest.near_duplicate_distance",
        ),
    ),
    Row(
        "a missing folder",
        lambda: shutil.rmtree(EXTERNAL / "4"),
        INGEST_REFUSES,
        (f"{DIR}/4 {TOO_FEW}",),
    ),
    Row("a folder in a folder", folder("3/more"), INGEST_REFUSES, (f"{DIR}/3/more is a folder; a label's",)),
    Row(
        "a folder named as a picture",
        folder("3/a.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/a.png is a folder; a label's",),
    ),
    Row(
        "a picture next to the folders",
        lambda: (EXTERNAL / "3/07.png").rename(EXTERNAL / "07.png"),
        INGEST_REFUSES,
        (f"{DIR}/07.png {NO_LABEL}",),
    ),
    Row(
        "a file in a folder's place",
        one_after_another(lambda: shutil.rmtree(EXTERNAL / "4"), file("4")),
        INGEST_REFUSES,
        (f"{DIR}/4 is a file; expected the folder of a label",),
    ),
    Row(
        "no folder at all",
        lambda: shutil.rmtree(EXTERNAL),
        INGEST_REFUSES,
        (f"{DIR} does not exist; put your pictures",),
    ),
    Row(
        "nothing in it",
        one_after_another(lambda: shutil.rmtree(EXTERNAL), EXTERNAL.mkdir),
        INGEST_REFUSES,
        (f"{DIR}/0 {TOO_FEW}", f"{DIR}/9 {TOO_FEW}"),
    ),
    Row(
        "a file in its place",
        one_after_another(lambda: shutil.rmtree(EXTERNAL), lambda: EXTERNAL.write_bytes(b"three")),
        INGEST_REFUSES,
        (f"{DIR} does not exist; put your pictures",),
    ),
]

NAMES = [
    Row(
        f"a bad picture whose name contains {what}",
        Made(f"3/{name}.png", lambda digit: b"three"),
        VALIDATE_REFUSES,
        (f"critical: readable ( … {DIR}/3/{printed}.png, label 3: not a picture",),
    )
    for what, name, printed in (
        ("spaces", " my best 3 ", " my best 3 "),
        ("quotes", "\"3\" or '3'", "\"3\" or '3'"),
        ("a line break", "one\ntwo", r"one\ntwo"),
        ("a tab", "one\ttwo", r"one\ttwo"),
        ("letters of other scripts", "trois é 三 ③", "trois é 三 ③"),
        ("bytes that are no UTF-8", os.fsdecode(b"caf\xe9"), r"caf\udce9"),
        ("terminal control characters", "\x1b[2J\u202e3", r"\x1b[2J\u202e3"),
        ("the marks of a web page", "<script>alert(3)<|script>", "<script>alert(3)<|script>"),
    )
] + [
    Row(
        "a text whose name contains a line break and bytes that are no UTF-8",
        file("3/" + os.fsdecode(b"caf\xe9\n.txt")),
        INGEST_REFUSES,
        (rf"{DIR}/3/caf\udce9\n.txt {NO_SUFFIX}",),
    ),
]

LINKS = [
    Row(
        "a link out of the folder",
        link_to_outside("3/07.png"),
        INGEST_WARNS,
        (f"warning: {DIR}/3/07.png is a link to a file outside {DIR}: skipped",),
    ),
    Row(
        "a folder that is a link out of the folder",
        link_to_outside("3"),
        INGEST_REFUSES,
        (f"{DIR}/3 is a link to a folder outside {DIR}",),
    ),
    Row(
        "a folder that is a link to another label's",
        one_after_another(lambda: shutil.rmtree(EXTERNAL / "4"), link("4", "3")),
        VALIDATE_REFUSES,
        (f"critical: one_label ( … {DIR}/3/03.png, label 3: also labelled 4: train row  … , {DIR}/4/03.png",),
    ),
    Row("a link to a folder", link("3/x.png", "../4"), INGEST_REFUSES, (f"{DIR}/3/x.png",)),
    Row(
        "a broken link",
        link("3/x.png", "lost.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/x.png is a broken link",),
    ),
    Row(
        "a link to itself",
        link("3/x.png", "x.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/x.png is a broken link",),
    ),
    Row(
        "a folder that is a link to itself",
        one_after_another(lambda: shutil.rmtree(EXTERNAL / "4"), link("4", "4")),
        INGEST_REFUSES,
        (f"{DIR}/4 can't be read: Too many levels of symbolic links",),
    ),
    Row(
        "a pipe, without a writer",
        lambda: os.mkfifo(EXTERNAL / "3/x.png"),
        INGEST_REFUSES,
        (f"{DIR}/3/x.png is not a regular file",),
    ),
    Row(
        "an unreadable picture",
        lambda: (EXTERNAL / "3/07.png").chmod(0),
        INGEST_REFUSES,
        (f"{DIR}/3/07.png can't be read: Permission denied; make it readable (`chmod u+r`) or remove it",),
        unprivileged=True,
    ),
    Row(
        "an unreadable folder",
        lambda: (EXTERNAL / "3").chmod(0),
        INGEST_REFUSES,
        (f"{DIR}/3 can't be read: Permission denied",),
        unprivileged=True,
    ),
]

RELATED = [
    Row(
        "one picture under two labels",
        lambda: shutil.copy(EXTERNAL / "3/07.png", EXTERNAL / "5/07.png"),
        VALIDATE_REFUSES,
        (
            f"critical: one_label ( … {DIR}/3/07.png, label 3: also labelled 5: ",
            f"critical: one_label ( … {DIR}/5/07.png, label 5: also labelled 3: ",
        ),
    ),
    Row(
        "one picture twice",
        lambda: shutil.copy(EXTERNAL / "3/01.png", EXTERNAL / "3/02.png"),
        VALIDATE_WARNS,
        (f"warning: no_duplicates ( … {DIR}/3/02.png, label 3: duplicate of  … , {DIR}/3/01.png",),
    ),
    Row(
        "one picture two thousand times",
        two_thousand_copies,
        VALIDATE_WARNS,
        (
            f"warning: no_duplicates ( … {DIR}/3/copy 1.png, label 3: duplicate of ",
            "warning: no_duplicates ( … and 1,990 more",
        ),
    ),
    Row(
        "a picture of the test split again, in place of one of the training split: both are of one split",
        in_both_splits(lambda digit: digit),
        VALIDATE_WARNS,
        (f"warning: no_duplicates ( … {DIR}/3/ … , label 3: duplicate of test row ",),
    ),
    Row(
        "a dimmed copy of a picture of the test split, in place of one of the training split: both are of one split",
        in_both_splits(lambda digit: digit // 2),
        ACCEPTED,
    ),
    Row(
        "not one picture that can be read",
        lambda: [path.write_bytes(b"three") for path in EXTERNAL.glob("*/*")],
        VALIDATE_REFUSES,
        (
            f"critical: readable ( … {DIR}/0/01.png, label 0: not a picture (5 bytes)",
            "critical: readable ( … and 190 more",
        ),
    ),
]
