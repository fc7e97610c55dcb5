"""The same work on many pieces, in order: on every core where there is enough to be worth it."""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context, parent_process
from typing import Any

from joblib import cpu_count

WORTHWHILE = 8_000  # pictures: for fewer, starting the processes takes longer than it saves
AHEAD = 2  # pieces a process that are in work or done before the first of them is taken: so memory stays flat


def each(function: Callable[[Any], Any], pieces: Iterable, pictures: int) -> Iterator:
    """Yield `function(piece)` for each piece, in their order; `pictures` is how much work they hold, in small pictures.

    A piece is sent to a process only when an earlier result has been taken. An error in one is raised here.
    """
    jobs = cpu_count() if pictures >= WORTHWHILE else 1
    if jobs == 1:
        yield from map(function, pieces)
        return
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn"), initializer=_end_with_parent) as pool:
        waiting: deque = deque()
        try:
            for piece in pieces:
                waiting.append(pool.submit(function, piece))
                if len(waiting) > AHEAD * jobs:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _end_with_parent() -> None:
    """A stage that is killed must not leave its workers behind, waiting for ever."""

    def watch() -> None:
        parent_process().join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
