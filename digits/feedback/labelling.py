"""What is labelled of the queue, and how far that is."""

from collections.abc import Callable
from typing import Literal

from digits.feedback.items import DROPPED, LABELLED, WAITING, Item
from digits.feedback.queue import Queue

Selection = Literal["refused", "disagreeing"]
_SELECTIONS: dict[Selection, Callable[[Item], bool]] = {
    "refused": lambda item: not item.accepted,
    "disagreeing": lambda item: item.disagrees,
}


def waiting(queue: Queue, only: Selection | None = None) -> list[Item]:
    """The pictures that wait, least certain first: all, those that were refused, or those where people disagree."""
    items = queue.items(WAITING)
    return [item for item in items if _SELECTIONS[only](item)] if only else items


def format_progress(queue: Queue) -> str:
    """How many pictures are labelled and not yet added, dropped, and waiting; and the next command, if there is one."""
    counts = queue.counts()
    text = f"{counts[LABELLED]:,} labelled, {counts[DROPPED]:,} dropped, {counts[WAITING]:,} waiting"
    return f"{text}; next: `digits data add-labelled`" if counts[LABELLED] else text
