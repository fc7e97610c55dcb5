"""The same work on many pictures, in order: on every core where there are enough to be worth it."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from joblib import Parallel, cpu_count, delayed

WORTHWHILE = 8_000  # items: for fewer, starting the processes takes longer than it saves
BATCH = 250  # items sent to a process at once


def each(function: Callable[[Any], Any], items: Iterable, count: int) -> Iterator:
    """Yield `function(item)` for each of the `count` items, in their order; an error in one is raised here."""
    jobs = cpu_count() if count >= WORTHWHILE else 1
    results = Parallel(n_jobs=jobs, batch_size=BATCH, return_as="generator")
    yield from results(delayed(function)(item) for item in items)
