"""The stages, one script each."""

import digits  # noqa: F401  # before a stage's libraries, so that Ctrl-C while they are imported prints no traceback
