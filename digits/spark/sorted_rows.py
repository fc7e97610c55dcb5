"""Rows that arrive in sorted batches, cut where groups of equal keys end: a group is seen whole, and few at once."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from digits.arrays import Bools, Ints


def parts(
    batches: Iterable[pa.RecordBatch], columns: Sequence[str], at_once: int
) -> Iterator[tuple[pa.RecordBatch, bool]]:
    """The rows in their order, and whether a piece ends after them.

    A piece has all rows of its groups, which are those with equal `columns`, and at least `at_once` rows, but for the
    last piece. Without any row there is no piece.
    """
    size, last = 0, None
    for batch in batches:
        if not batch.num_rows:
            continue
        starts = np.flatnonzero(_changes(_keys(batch, columns), last))
        last = _keys(batch.slice(batch.num_rows - 1), columns)
        if size >= at_once and len(starts):
            cut = int(starts[-1])
            yield batch.slice(0, cut), True
            batch, size = batch.slice(cut), 0
        yield batch, False
        size += batch.num_rows
    if last is not None:
        yield batch.slice(0, 0), True


def group_numbers(rows: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> Ints:
    """(n,) int: the number of each row's group, in sorted rows."""
    return np.cumsum(_changes(_keys(rows, columns), None))


def _keys(rows: pa.RecordBatch | pa.Table, columns: Sequence[str]) -> np.ndarray:
    return np.stack([rows[column].to_numpy().astype(np.int64) for column in columns], axis=1)


def _changes(keys: Ints, last: Ints | None) -> Bools:
    """(n,) bool: which of (n, columns) keys differ from the row before; the first one from the (1, columns) `last`."""
    before = np.concatenate([keys[:1] - 1 if last is None else last, keys[:-1]])
    changes: Bools = (keys != before).any(axis=1)
    return changes
