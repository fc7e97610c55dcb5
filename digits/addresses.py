"""Addresses of servers and mirrors."""

import re


def redact(text: str) -> str:
    """A text without the users and passwords of the addresses in it, also where a password has `@` or `:`."""
    return re.sub(r"//[^/\s]*@", "//", text)
