"""A picture in the queue, what people report of it, and the order in which pictures are labelled."""

from typing import NamedTuple

from digits.data.corrections import DROP
from digits.data.dataset import LABELS

STATES = WAITING, LABELLED, DROPPED, ADDED = ("waiting", "labelled", "dropped", "added")
NO_DIGIT = "none"  # a suggestion: the picture shows no digit
DECISIONS = (*map(str, LABELS), DROP)


class Report(NamedTuple):
    """One feedback request: what somebody says about the service's answer to a picture, and that answer.

    `suggested` is a label, 0 to 9, or NO_DIGIT; None where it is only said that the answer is wrong. `request_ids` are
    those of the feedback and of the answer that it is about. `predicted` is 0 to 9 and `probability` 0 to 1, or both
    None for a picture without a digit; `version` is that of the model.
    """

    request_ids: tuple[str, ...]
    suggested: str | None
    predicted: int | None
    probability: float | None
    accepted: bool
    reason: str | None
    version: str


class Item(NamedTuple):
    """One distinct picture of the queue, with the service's own answer when it came first.

    `sha256` is that of its decoded pixels (`pictures.pixel_digest` of the stored PNG), its identity and its file's
    name. `suggested` is what people say most often. `label` is a person's decision, one of DECISIONS; None while it
    waits. `request_ids` are the last ones (`rows.MAX_REQUEST_IDS`). Times are ISO 8601 in UTC, to the second.
    """

    sha256: str
    state: str
    received: str
    request_ids: tuple[str, ...]
    suggested: str | None
    reports: int
    predicted: int | None
    probability: float | None
    accepted: bool
    reason: str | None
    version: str
    label: str | None
    who: str | None
    decided: str | None

    @property
    def disagrees(self) -> bool:
        """Whether people say something else than the service predicted; without a suggestion they say it is wrong."""
        return self.suggested != (NO_DIGIT if self.predicted is None else str(self.predicted))


def least_certain_first(item: Item) -> tuple[bool, float, str, str]:
    """The key by which waiting pictures are sorted: where people disagree or the service refused, then by probability.

    The probability is that of the predicted digit, lowest first.
    """
    is_certain = item.accepted and not item.disagrees
    return is_certain, item.probability or 0.0, item.received, item.sha256


def oldest_first(item: Item) -> tuple[str, str]:
    """The key by which all other pictures are sorted."""
    return item.received, item.sha256
