"""Pictures and reports for tests of feedback."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from digits.data.pictures import encode_png
from digits.feedback.items import Report

REPORT = Report(("feedback-1", "answer-1"), "7", 1, 0.6, True, None, "3")


def noise(seed: int, side: int = 28) -> bytes:
    """A PNG of (side, side) random pixels: another picture for each seed."""
    return encode_png(np.random.default_rng(seed).integers(0, 256, (side, side), np.uint8))


@contextmanager
def folder_in_memory() -> Iterator[Path]:
    """An empty folder, in memory where the system has that: each change is flushed to the disk else, many times."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="digits-test-", dir=memory if memory.is_dir() else None))
    try:
        yield folder
    finally:
        shutil.rmtree(folder)
