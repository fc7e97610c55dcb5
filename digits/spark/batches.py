"""The rows of a partition as pandas data frames, large enough that a call of numpy costs less than its work."""

from collections.abc import Iterable, Iterator

import pandas as pd

ROWS = 50_000  # of a few columns of numbers: some megabytes


def joined(batches: Iterable[pd.DataFrame], rows: int = ROWS) -> Iterator[pd.DataFrame]:
    """The batches that Spark sends, one after the other in data frames of at least `rows` rows, but for the last."""
    pending: list[pd.DataFrame] = []
    for batch in batches:
        pending.append(batch)
        if sum(map(len, pending)) >= rows:
            yield pd.concat(pending, ignore_index=True)
            pending = []
    if pending:
        yield pd.concat(pending, ignore_index=True)
