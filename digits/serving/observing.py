"""What looks at answers after they are given: observers, and the one thread that works for them."""

import logging
import queue
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import numpy as np

from digits.prediction.batches import Prediction
from digits.serving import metrics

if TYPE_CHECKING:
    from digits.reading import Page
    from digits.serving.service import ServedModel

MAX_WAITING, MAX_BYTES = 256, 32 << 20  # calls that wait for the thread, and the pictures that they hold
log = logging.getLogger("digits.serving")


class Observation(NamedTuple):
    """One picture that was answered: as it came, what was predicted, and its canonical digit, (28, 28) uint8.

    `min_probability` is what the request demands of an accepted answer, in addition to the model.
    """

    request_id: str
    picture: bytes
    prediction: Prediction
    digit: np.ndarray
    min_probability: float = 0.0


class Observer(Protocol):
    """Is told of each request's answers, on the event loop: it counts and samples, and hands work to `Background`."""

    def __call__(self, model: "ServedModel", observations: Sequence[Observation]) -> None: ...


class PageObserver(Protocol):
    """Is told of each page that was read, and the request's least probability: as `Observer`."""

    def __call__(self, model: "ServedModel", page: "Page", min_probability: float) -> None: ...


class Background:
    """One thread, "observe", for work that no answer waits for. What does not fit is not done."""

    def __init__(self, max_waiting: int = MAX_WAITING, max_bytes: int = MAX_BYTES) -> None:
        self._calls: queue.SimpleQueue[tuple[Callable[[], Any], int] | None] = queue.SimpleQueue()
        self._max_waiting, self._max_bytes = max_waiting, max_bytes
        self._held = 0  # bytes
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None

    def submit(self, call: Callable[[], Any], pictures: Sequence[bytes] = ()) -> bool:
        """Have `call`, which holds these pictures, called in the thread; False where too much waits: it is not."""
        size = sum(map(len, pictures))
        with self._lock:
            if self._calls.qsize() >= self._max_waiting or self._held + size > self._max_bytes:
                metrics.DROPPED.inc(len(pictures))
                return False
            self._held += size
            if self._thread is None:
                self._thread = threading.Thread(target=self._work, name="observe", daemon=True)
                self._thread.start()
        self._calls.put((call, size))
        return True

    def close(self, seconds: float = 5.0) -> None:
        """Wait, so long at most, for what was submitted, and end the thread."""
        if self._thread is not None:
            self._calls.put(None)
            self._thread.join(seconds)

    def _work(self) -> None:
        while (waiting := self._calls.get()) is not None:
            call, size = waiting
            try:
                call()
            except Exception:  # of a picture, a model or a disk: the next call is another one's
                log.exception("answers could not be observed")
            with self._lock:
                self._held -= size
