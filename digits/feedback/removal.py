"""Removing what people sent: from the queue, from data/external, and from what a challenger predicted of it."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from digits.errors import UserError, printable
from digits.feedback import provenance
from digits.feedback.queue import Queue
from digits.paths import SERVED
from digits.prediction import shadow_log

PREFIX = re.compile("[0-9a-f]{8,64}")
Known = dict[str, set[str]]  # the request ids of the pictures, by their SHA-256


class Removed(NamedTuple):
    """What is gone: pictures by SHA-256, files in data/external from the project's root, a challenger's predictions."""

    sha256s: list[str]
    files: list[Path]
    predictions: int


def forget(queue: Queue, references: Sequence[str], root: Path) -> Removed:
    """Remove the pictures that request ids, SHA-256s or their first 8 or more characters name, from a project.

    Raises UserError before anything is removed, where one of them names nothing, or is the start of several SHA-256s.
    """
    with provenance.lock(root):
        known = _known(queue, root)
        named = [_named(known, reference) for reference in references]
        logs = shadow_log.files(root / SERVED)
        for reference, found in zip(references, named, strict=True):
            if not found and not shadow_log.count(logs, [reference]):
                raise UserError(
                    f"no picture has the id {printable(reference)!r}, and none is deleted; expected the request id of "
                    "a feedback or of the answer, or 8 or more characters of a picture's id in `digits feedback list`"
                )
        sha256s = [*dict.fromkeys(sha256 for found in named for sha256 in found)]
        # The queue last: where this is interrupted, the same command finds the pictures again
        files = provenance.remove(sha256s, root)
        predictions = shadow_log.forget(logs, references, sha256s)
        queue.remove(sha256s)
    return Removed(sha256s, files, predictions)


def forget_all(queue: Queue, root: Path) -> Removed:
    """Remove all of the queue's pictures, and all in data/external that were sent as feedback."""
    with provenance.lock(root):
        sha256s = [*_known(queue, root)]
        files = provenance.remove(sha256s, root)
        predictions = shadow_log.forget(shadow_log.files(root / SERVED), [], sha256s)
        queue.remove_all()
    return Removed(sha256s, files, predictions)


def _known(queue: Queue, root: Path) -> Known:
    """The pictures of the queue, and those in data/external that the queue may not have any more."""
    known: Known = {item.sha256: {*item.request_ids} for item in queue.items()}
    for row in provenance.read(root / provenance.FILE).values():
        known.setdefault(row.sha256, set()).update(row.request_ids.split())
    return known


def _named(known: Known, reference: str) -> list[str]:
    """A whole SHA-256 comes before a request id, which a client may choose, and that before the start of a SHA-256."""
    if reference in known:
        return [reference]
    found = [sha256 for sha256, request_ids in known.items() if reference in request_ids]
    if not found and PREFIX.fullmatch(reference):
        found = [sha256 for sha256 in known if sha256.startswith(reference)]
        if len(found) > 1:
            raise UserError(
                f"{reference} is the start of {len(found)} pictures' ids, and none is deleted; give more of one:\n"
                + "\n".join(found)
            )
    return found
