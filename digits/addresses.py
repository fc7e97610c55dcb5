"""Addresses of files, databases and servers: conversion from and to paths, and removal of secrets."""

import os
import re
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

SQLITE = "sqlite:///"  # and a path
# `//user:password@`: up to the last @ before a slash; where a password has a slash, up to the last @ of the word.
# A port is no password.
_USER = re.compile(r"//(?:[^/@\s:]*:(?!\d{1,5}(?:[/?#\s'\",;)]|$))\S*|[^/\s]*)@")
_SECRET_NAME = r"pass(?:w(?:or)?d|phrase)?|pwd|token|secret|key|sig(?:nature)?|credentials?|auth(?:orization)?"
_QUERY = re.compile(rf"(?i)([?&;][\w.%-]*(?:{_SECRET_NAME})[\w.%-]*=)[^&\s'\"#]*")
HIDDEN = "***"


def redact(text: str) -> str:
    """A text without the secrets of the addresses in it: user, password, and the values of a query such as `?token=`.

    A password may contain `@`, `:`, `/` and `%`.
    """
    return _QUERY.sub(rf"\g<1>{HIDDEN}", _USER.sub("//", text))


def file_address(path: Path | str) -> str:
    """The `file://` address of a path, absolute, its characters escaped as a URL's are."""
    return Path(path).absolute().as_uri()


def file_path(address: str) -> Path | None:
    """The path that a `file:` address, or an absolute path without a scheme, names; else None."""
    if address.startswith("/"):
        return Path(address)
    parts = urlsplit(address)
    return Path(url2pathname(parts.path)) if parts.scheme == "file" and not parts.netloc else None


def sqlite_address(path: Path) -> str:
    """The address of a SQLite file for SQLAlchemy and MLflow.

    A path with characters that an address escapes is given relative to the working directory where that has none of
    them, since MLflow creates the folder of the escaped path.
    """
    if is_plain(str(path)):
        return f"{SQLITE}{path}"
    if is_plain(relative := os.path.relpath(path)):
        return f"{SQLITE}{relative}"
    from sqlalchemy.engine import URL

    return URL.create("sqlite", database=str(path)).render_as_string(hide_password=False)


def sqlite_path(address: str, root: Path = Path()) -> Path | None:
    """The file that the address of a SQLite database names, below `root` where it is relative; else None.

    Characters that an address escapes may be written as they are, as in `sqlite:///$PWD/mlflow.db`, where the folder
    of that name exists.
    """
    if not address.startswith(SQLITE):
        return None
    written = root / address.removeprefix(SQLITE)
    if is_plain(address.removeprefix(SQLITE)):
        return written
    from sqlalchemy.engine import make_url  # its import takes half a second

    named = root / (make_url(address).database or "")
    return written if written.parent.is_dir() and written.parent != named.parent else named


def absolute(address: str, root: Path) -> str:
    """The address of a store; one that is a relative path, of a database or of a folder, is relative to `root`.

    A folder is `mlruns`, `./mlruns`, `file:mlruns` or `file:./mlruns`.
    """
    if (database := sqlite_path(address, root)) is not None:
        plain = is_plain(str(database)) and Path(address.removeprefix(SQLITE)).is_absolute()
        return address if plain else sqlite_address(database)
    parts = urlsplit(address)
    if parts.netloc or parts.scheme not in ("", "file") or address.startswith("databricks"):
        return address
    return file_address(root / (url2pathname(parts.path) if parts.scheme else address))


def is_plain(path: str) -> bool:
    """Whether a path is the same in an address: its characters need no escape."""
    return quote(path, safe="/ ") == path and unquote(path) == path
