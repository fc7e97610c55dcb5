"""An error that the user can fix ends in one clear message and exit status 1, never in a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """Says which file, row or key is wrong, what was found and expected, and how to fix it."""


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
    """Call `main`, the whole of a stage or command, and exit: 0 done, 1 a user's error, 130 interrupted."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        # A full disk, a folder without write permission: the system's own words name the file.
        if error.filename is None and error.errno is None:
            raise
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted: no incomplete file is left; run the same command again", file=sys.stderr)
        sys.exit(130)
