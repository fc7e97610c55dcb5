"""An error that the user can fix ends in one clear message and exit status 1, never in a traceback."""

import sys
from collections.abc import Callable


class UserError(Exception):
    """An error that the user can fix. The message names the place, what was found and expected, and the fix."""


def printable(name: object) -> str:
    """A file's name as one line of text, with unprintable characters escaped as in Python."""
    text = str(name)
    if text.isprintable():
        return text
    escaped = (c if c.isprintable() else c.encode("unicode_escape", "surrogatepass").decode() for c in text)
    return "".join(escaped)


def run(main: Callable[[], None]) -> None:
    """Run the main function of a stage or command, with the exit status 1 on a user's error, 130 on Ctrl-C."""
    try:
        main()
    except UserError as error:
        sys.exit(f"error: {error}")
    except OSError as error:
        # A full disk, a folder without write permission: the system's message names the file.
        if error.filename is None and error.errno is None:
            raise
        sys.exit(f"error: {error}")
    except KeyboardInterrupt:
        print("interrupted: no incomplete file is left; run the same command again", file=sys.stderr)
        sys.exit(130)
