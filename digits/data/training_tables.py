"""What a network is trained on: the training split, what is no digit, and cuts of composed pages.

What is no digit, for training and for the evaluation, is in one Parquet file, the cuts of composed pages in another.
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from digits import paths
from digits.arrays import Pixels
from digits.data import shards
from digits.data.dataset import IMAGE, NO_DIGIT, Digits, binary_column, digits_of, images_of
from digits.data.processed_tables import read_processed
from digits.files import atomic_write

# What is no digit: `split` is train or test, `kind` one of `non_digits.KINDS`
NON_DIGITS_SCHEMA = pa.schema({"image": IMAGE, "split": pa.string(), "kind": pa.dictionary(pa.int8(), pa.string())})
# Cut from composed pages: `label` is 0 to 9, or NO_DIGIT
PAGE_CUTS_SCHEMA = pa.schema({"image": IMAGE, "label": pa.int64()})


class NonDigits(NamedTuple):
    """What is no digit: `images` (n, 28, 28) uint8, canonical, and their `kinds`, (n,) str."""

    images: Pixels
    kinds: np.ndarray


def write_non_digits(found: Iterable[tuple[str, str, np.ndarray]], path: Path = paths.NON_DIGITS) -> None:
    """Write what is no digit: of each split and kind (n, 28, 28) uint8 canonical pictures."""
    with (
        atomic_write(path, any_kind=True) as temporary,  # the other engine writes a folder
        pq.ParquetWriter(temporary, NON_DIGITS_SCHEMA) as writer,
    ):
        for one in found:
            writer.write_table(non_digits_table(*one))


def non_digits_table(split: str, kind: str, images: Pixels) -> pa.Table:
    """Rows of what is no digit, of a split and kind: a row group of their file."""
    columns = {"image": binary_column(images), "split": [split] * len(images), "kind": [kind] * len(images)}
    return pa.table(columns).cast(NON_DIGITS_SCHEMA)


def read_non_digits(split: str, path: Path = paths.NON_DIGITS) -> NonDigits:
    """What is no digit, of the split "train" or "test"."""
    found = [NON_DIGITS_SCHEMA.empty_table()]
    column = NON_DIGITS_SCHEMA.get_field_index("split")
    for address in shards.files(path):
        with shards.opened(address) as file:
            for group in range(file.metadata.num_row_groups):
                known = file.metadata.row_group(group).column(column).statistics
                if known and known.has_min_max and not known.min <= split <= known.max:
                    continue  # the rows of the other split, which may be many more, are not read
                table = file.read_row_group(group)
                found.append(table.filter(pc.equal(table["split"], split)))
    table = pa.concat_tables(found)
    return NonDigits(images_of(table), table["kind"].cast(pa.string()).to_numpy().astype(str))


def write_page_cuts(found: Iterable[Digits], path: Path = paths.PAGE_CUTS) -> None:
    """Write what is cut from composed pages, page by page; the labels may be NO_DIGIT."""
    with atomic_write(path) as temporary, pq.ParquetWriter(temporary, PAGE_CUTS_SCHEMA) as writer:
        for cuts in found:
            columns = {"image": binary_column(cuts.images), "label": cuts.labels}
            writer.write_table(pa.table(columns, schema=PAGE_CUTS_SCHEMA))


def read_page_cuts(path: Path = paths.PAGE_CUTS) -> Digits:
    """What is cut from composed pages of training digits; the labels may be NO_DIGIT."""
    return digits_of(shards.read(path))


def read_training() -> Digits:
    """What a network is trained on: the training split, what is drawn with the label NO_DIGIT, and cuts of pages."""
    digits, others, cuts = read_processed("train"), read_non_digits("train").images, read_page_cuts()
    labels = np.concatenate([digits.labels, np.full(len(others), NO_DIGIT), cuts.labels])
    return Digits(np.concatenate([digits.images, others, cuts.images]), labels)


def read_training_groups(file: pq.ParquetFile, groups: Sequence[int]) -> Digits:
    """Row groups of a file that a network is trained on; of what is no digit, the rows of the training split."""
    if "split" not in file.schema_arrow.names:
        return digits_of(file.read_row_groups(groups, ["image", "label"], use_threads=False))
    table = file.read_row_groups(groups, ["image", "split"], use_threads=False)
    images = images_of(table.filter(pc.equal(table["split"], "train")))
    return Digits(images, np.full(len(images), NO_DIGIT))


def count_training_rows(file: pq.ParquetFile) -> list[int]:
    """The rows of each row group that `read_training_groups` returns."""
    groups = range(file.metadata.num_row_groups)
    if "split" not in file.schema_arrow.names:
        return [file.metadata.row_group(group).num_rows for group in groups]
    splits = (file.read_row_group(group, ["split"])["split"] for group in groups)
    return [pc.sum(pc.equal(split, "train")).as_py() or 0 for split in splits]
