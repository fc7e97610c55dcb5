"""A mistake that the user can mend ends in one clear message and exit status 1, never in a traceback."""

import gc
import sys
from collections.abc import Callable


class UserError(Exception):
    """Says which file, row or key is wrong, what was found and expected, and how to mend it."""


def printable(name: object) -> str:
    """A file's name as one line of text, whatever it holds: what can't be printed is escaped as Python does."""
    text = str(name)
    return (
        text
        if text.isprintable()
        else "".join(
            letter if letter.isprintable() else letter.encode("unicode_escape", "surrogatepass").decode()
            for letter in text
        )
    )


def run(main: Callable[[], None]) -> None:
    """Call `main`, the whole of a stage or command, and exit: 0 done, 1 a user's mistake, 130 interrupted."""
    # The hundreds of thousands of objects that the libraries make on import all live to the end: looking through them
    # for garbage, again and again and once more on the way out, cost a stage with TensorFlow a fifth of its time.
    gc.set_threshold(100_000, 50, 100)
    try:
        main()
        gc.freeze()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        # A full disk, a folder without write permission: the system's own words name the file.
        if error.filename is None and error.errno is None:
            raise
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted: nothing half-written is left; run the same command again", file=sys.stderr)
        sys.exit(130)
