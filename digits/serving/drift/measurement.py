"""Drift of what is served: the counts of a window against the reference of the version that answered."""

from collections.abc import Collection
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from digits.params import ServedDrift
from digits.serving.drift import reference as drift_reference
from digits.serving.drift.counts import HOUR, Counts
from digits.serving.drift.reference import (
    ACCEPTED,
    BLANK,
    EVENED_OUT,
    LABEL,
    OUTCOME,
    PAGE_PREFIX,
    PROBABILITIES,
    PROBABILITY,
    REFUSED,
    UNREADABLE,
)

USUAL, DRIFTED, NOT_JUDGED = "usual", "drifted", "not judged"


class Statistic(NamedTuple):
    """One statistic: its counts as served and in the reference, in the same bins, and how they differ.

    `psi`, the population stability index, and `bound` are None where too few pictures were served; `state` says for a
    reader what they mean.
    """

    name: str
    bins: list[str]
    served: list[int]
    expected: list[int]
    psi: float | None
    bound: float | None
    state: str

    @property
    def pictures(self) -> int:
        """How many were served."""
        return sum(self.served)


class Drift(NamedTuple):
    """What a version answered since an hour, and how that differs from its reference.

    `answered` counts the pictures of one digit, `on_pages` the digits of pages by outcome; `missing` says what can't be
    compared, and why. `still_drifted` names what had drifted before, and is not measured now: it stays drifted.
    """

    version: str
    sha256: str
    since: float  # seconds since 1970
    answered: int
    outcomes: dict[str, int]
    on_pages: dict[str, int]
    statistics: list[Statistic]
    missing: list[str]
    still_drifted: list[str]

    @property
    def drifted(self) -> list[str]:
        """The names of what has drifted."""
        return [one.name for one in self.statistics if one.state == DRIFTED] + self.still_drifted

    @property
    def judged(self) -> list[str]:
        """The names of what enough was served of to tell drift."""
        return [one.name for one in self.statistics if one.bound is not None]

    @property
    def unmeasured(self) -> list[str]:
        """The names of what too little was served of."""
        return [one.name for one in self.statistics if one.psi is None and one.name not in EVENED_OUT]

    @property
    def expected_refused_share(self) -> float | None:
        """The share of the test digits that was refused; None where the reference does not have it."""
        outcome = next((one for one in self.statistics if one.name == OUTCOME), None)
        return refused_share(dict(zip(outcome.bins, outcome.expected, strict=True))) if outcome else None

    @property
    def is_measured(self) -> bool:
        """Whether enough was served to tell drift by every statistic that is judged."""
        return bool(self.judged) and not self.unmeasured


def window_start(hours: int, now: float) -> float:
    """The beginning of the last so many hours, of which the present one has only begun."""
    return (now // HOUR - hours + 1) * HOUR


def measure(
    counts: Counts,
    version: tuple[str, str],
    reference: dict[str, Any] | None,
    params: ServedDrift,
    since: float,
    before: Collection[str] = (),
) -> Drift:
    """Compare the counts of a version, a number and the SHA-256 of its ONNX file, with its reference.

    That is None where it was not read yet. `before` names what had drifted.
    """
    known = reference or {"pictures": {}, "predictions": {}, "missing": ["its reference is not read yet"]}
    statistics = [
        _compare(name, *_prediction_bins(name, counts.get(name, {}), expected), params)
        for name, expected in known["predictions"].items()
    ]
    for name, histogram in known["pictures"].items():
        statistics.append(_compare(name, *_picture_bins(counts.get(name, {}), histogram), params))
    outcomes = {name: counts.get(OUTCOME, {}).get(name, 0) for name in drift_reference.OUTCOMES}
    # Not all that have a label have an outcome: the request may have demanded more than the model
    answered = sum(counts.get(LABEL, {}).values()) + outcomes[BLANK] + outcomes[UNREADABLE]
    on_pages = counts.get(PAGE_PREFIX + OUTCOME, {})
    measured = {one.name for one in statistics if one.bound is not None}
    still_drifted = [name for name in before if name not in measured]
    return Drift(*version, since, answered, outcomes, on_pages, statistics, known["missing"], still_drifted)


def refused_share(counts: dict[str, int]) -> float | None:
    """The share that was refused, of what has a digit; None without any. `counts` are by outcome."""
    digits = counts.get(ACCEPTED, 0) + counts.get(REFUSED, 0)
    return counts.get(REFUSED, 0) / digits if digits else None


def format_hour(seconds: float) -> str:
    """A time in UTC, to the minute."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M UTC")


def _compare(name: str, bins: list[str], served: list[int], expected: list[int], params: ServedDrift) -> Statistic:
    from digits.validation.drift import chance, stability_index  # here: pandas comes with it

    if sum(served) < params.min_pictures:
        state = f"too few: {sum(served):,} of {params.min_pictures:,} pictures"
        return Statistic(name, bins, served, expected, None, None, state)
    sides = np.array(served), np.array(expected)
    index = stability_index(*sides)
    if name in EVENED_OUT:
        return Statistic(name, bins, served, expected, index, None, NOT_JUDGED)
    bound = params.max + chance(*sides)
    return Statistic(name, bins, served, expected, index, bound, DRIFTED if index > bound else USUAL)


def _prediction_bins(
    name: str, served: dict[str, int], expected: dict[str, int]
) -> tuple[list[str], list[int], list[int]]:
    """The bins of a statistic of the predictions, for a reader, and both sides' counts."""
    keys = {
        LABEL: [str(label) for label in range(10)],
        PROBABILITY: [str(place) for place in range(len(PROBABILITIES))],
        OUTCOME: [ACCEPTED, REFUSED],
    }[name]
    names = drift_reference.probability_bins() if name == PROBABILITY else keys
    return names, [served.get(key, 0) for key in keys], [expected.get(key, 0) for key in keys]


def _picture_bins(served: dict[str, int], histogram: dict[str, Any]) -> tuple[list[str], list[int], list[int]]:
    """The bins of an image statistic, below, at and between its edges, and both sides' counts."""
    edges = [f"{edge:.3g}" for edge in histogram["edges"]]
    names = [f"below {edges[0]}"] if edges else ["all"]
    for place, edge in enumerate(edges):
        names += [edge, f"{edge} to {edges[place + 1]}" if place + 1 < len(edges) else f"above {edge}"]
    counts = [served.get(str(place), 0) for place in range(len(names))]
    return names, counts, histogram["counts"]
