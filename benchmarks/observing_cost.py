"""What counting an answer costs on the event loop, and the image statistics of a sample in the background thread.

Of one process, by its own CPU time, medians. Takes some seconds:

    python -m benchmarks.observing_cost
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.processes import median_seconds
from digits.data.pictures import encode_png
from digits.prediction.batches import Prediction
from digits.serving import local_copy
from digits.serving.drift.traffic import Traffic
from digits.serving.observing import Background, Observation
from digits.serving.service import ServedModel
from digits.serving.settings import Settings
from tests.served_drift import serve_folder
from tests.serving import settings

ROUNDS, ANSWERS, SAMPLE = 15, 2000, 25  # five seconds of one process take a sample of 25 pictures


def main() -> None:
    answers = [_answer(1 + place % 8) for place in range(SAMPLE)]
    with tempfile.TemporaryDirectory() as name:
        folder = serve_folder(Path(name))
        model, chosen = ServedModel(local_copy.read(folder)), _settings(folder)
        observer, one = Traffic(chosen, Background()), answers[:1]
        counting = _cpu_seconds(lambda: [observer(model, one) for _ in range(ANSWERS)]) / ANSWERS

        def sample() -> None:
            background = Background()
            other = Traffic(chosen, background)
            other(model, answers)
            other.flush()
            background.close()

        sample()  # which imports pandas
        taken = _cpu_seconds(sample)
    print(f"counting an answer: {counting * 1e6:.1f} µs of CPU")
    print(f"image statistics of {SAMPLE} pictures of 28 x 28, and writing all counts: {taken * 1e3:.1f} ms of CPU")


def _cpu_seconds(call: Callable[[], object]) -> float:
    return median_seconds(call, ROUNDS, time.process_time)


def _answer(width: int) -> Observation:
    """A vertical bar of so many columns, accepted as a 7."""
    digit = np.zeros((28, 28), np.uint8)
    digit[4:24, 14 : 14 + width] = 255
    return Observation("a-1", encode_png(digit), Prediction("", 7, 0.97, accepted=True), digit)


def _settings(folder: Path) -> Settings:
    """Settings that take all pictures as the sample."""
    limits = settings(folder).limits
    drift = limits.drift.model_copy(update={"pictures_per_second": SAMPLE})
    return Settings(folder, limits.model_copy(update={"drift": drift}))


if __name__ == "__main__":
    main()
