"""One fault of a user's folder of pictures: how it is made, the stage that reports it, and the words of its message."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.data import pictures
from digits.paths import EXTERNAL

DIR = "data/external"
FEW, MANY = 20, 120  # pictures of a label; a class mismatch is found with many only

INGEST_REFUSES = "ingest refuses"
INGEST_WARNS = "ingest warns"
VALIDATE_REFUSES = "validate refuses"  # a critical expectation fails
VALIDATE_WARNS = "validate warns"
ACCEPTED = "accepted"  # unusual, but not wrong: no stage may report it


class Made(NamedTuple):
    """Instead of a label's digit, the file `name` with what `how` makes of that digit's 28 x 28 pixel values.

    Rows of this kind do not affect one another, and are spoilt and validated together: each takes another digit.
    """

    name: str
    how: Callable[[np.ndarray], bytes]
    digit: int | None = None  # where only one certain digit has the fault

    def __call__(self, number: int = 0) -> None:
        digit = EXTERNAL / Path(self.name).parent / f"{number if self.digit is None else self.digit:02d}.png"
        pixels = pictures.decode(digit.read_bytes()).pixels
        digit.unlink()
        (EXTERNAL / self.name).write_bytes(self.how(pixels))


class Row(NamedTuple):
    """The fault, how to make it, the stage that has to report it, and the words of the message.

    Each of `words` has to be in one line; in validate's output, ` … ` separates the words on the expectation from those
    on the picture.
    """

    what: str
    spoil: Callable[[], object] | Made
    result: str
    words: tuple[str, ...] = ()
    each: int = FEW  # pictures of a label before the fault
    unprivileged: bool = False  # run without root's rights
