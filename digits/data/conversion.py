"""Raw pictures to canonical digits, one row group after the other, without the quarantined rows."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from digits import paths
from digits.arrays import Ints
from digits.data import dataset, pictures, raw_tables
from digits.data.dataset import Digits
from digits.data.processed_tables import Block
from digits.data.raw_tables import Example, RowGroup
from digits.errors import UserError, printable


class Selection(NamedTuple):
    """A row group of the raw data, and the rows of it that are quarantined, (k,) counted from its first."""

    group: RowGroup
    quarantined: Ints

    @property
    def rows(self) -> int:
        """How many are converted."""
        return self.group.rows - len(self.quarantined)


def select(groups: list[RowGroup], quarantine: pd.DataFrame) -> list[Selection]:
    """What is converted of these row groups of all splits. Raises UserError where none of a split is left."""
    rows = {split: np.sort(of["row"].to_numpy(int)) for split, of in quarantine.groupby("split")}
    found = []
    for group in groups:
        of_split = rows.get(group.split, np.zeros(0, int))
        first, last = np.searchsorted(of_split, [group.first_row, group.first_row + group.rows])
        found.append(Selection(group, of_split[first:last] - group.first_row))
    for split in dataset.SPLITS:
        if not any(one.group.rows for one in found if one.group.split == split):
            raise UserError(
                f"the {split} split has no pictures: add some, or change ingest.test_fraction, "
                "ingest.validation_fraction or ingest.seed"
            )
        if not any(one.rows for one in found if one.group.split == split):
            raise UserError(f"all pictures of the {split} split are quarantined: {paths.QUARANTINE} has the reasons")
    return found


def convert(selection: Selection) -> Block:
    """The selected rows as canonical digits. Raises UserError naming a picture without one."""
    return next(convert_file([selection]))


def convert_file(selections: Sequence[Selection]) -> Iterator[Block]:
    """The same of each of some row groups of one file."""
    read = raw_tables.read_row_groups([one.group for one in selections])
    return map(_convert, selections, read)


def _convert(selection: Selection, examples: Sequence[Example]) -> Block:
    chosen = [examples[row] for row in np.setdiff1d(np.arange(len(examples)), selection.quarantined)]
    images = pictures.decode_canonical_batch(example.data for example in chosen)
    for row in np.flatnonzero(~images.any(axis=(1, 2))):
        try:
            pictures.decode_canonical(chosen[row].data)
        except pictures.PictureError as error:
            raise UserError(f"{printable(chosen[row].path)} of the {chosen[row].split} split: {error}") from None
    digests = np.frombuffer(b"".join(example.sha256 for example in chosen), np.uint8).reshape(-1, 32)
    labels = np.array([example.label for example in chosen], np.int64)
    return Block(selection.group.split, Digits(images, labels), digests, [example.source for example in chosen])
