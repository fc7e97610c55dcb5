"""The stages, one script each. `digits` comes first: it settles the environment before any library is loaded."""

import digits  # noqa: F401  # also so that Ctrl-C while libraries are imported prints no traceback
