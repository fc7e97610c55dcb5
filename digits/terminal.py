"""What a terminal shows: our words, and not the chatter of the libraries below."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_native_noise() -> Iterator[None]:
    """Drop what native code writes to standard error while the block runs. Python's exceptions still come through.

    Some libraries log before any setting of theirs can be heard, so the file descriptor itself is turned away.
    """
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 2)
        os.close(nowhere)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(kept, 2)
        os.close(kept)
