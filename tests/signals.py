"""Signals in the processes that tests start."""

import signal


def reset_sigint() -> None:
    """As `preexec_fn`: SIGINT ends the process also where the tests run in the background, whose children ignore it."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
