"""Two models on the pictures that the service answered with both: one to its users, the other in the shadow."""

from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from scipy import stats

from digits.data.corrections import DROP
from digits.evaluation import comparison
from digits.evaluation.intervals import Interval
from digits.feedback.items import Item
from digits.prediction import shadow_log
from digits.prediction.shadow_log import ModelPrediction, ShadowPredictions


class Corrected(NamedTuple):
    """Of the pictures that people labelled, how many both models, one alone, or none of them classifies correctly.

    `chance` is the p-value of McNemar's exact test, two-sided: 1 where the models do not differ.
    """

    both: int
    only_first: int
    only_second: int
    none: int
    chance: float

    @property
    def pictures(self) -> int:
        return self.both + self.only_first + self.only_second + self.none


class Shadow(NamedTuple):
    """What A and B, the first and the second model, answered to the same n >= 1 distinct pictures.

    `answers` counts repeated pictures, too, and `by_first` those that A answered to users. `since` and `until` are
    days, as 2026-11-30. `differing` has the labels that A and B predict where these differ, and how often, the most
    frequent first. `accepted` are the shares, 0 to 1, that A and B accept, and `more_accepted` the second less the
    first, with its 95 % interval, by McNemar's exact test.
    """

    answers: int
    by_first: int
    pictures: int
    since: str
    until: str
    differing: list[tuple[int, int, int]]
    accepted: tuple[float, float]
    more_accepted: tuple[float, Interval]
    corrected: Corrected


def find(served: Path, first_sha256: str, second_sha256: str, items: Iterable[Item]) -> Shadow | None:
    """What all services under the folder `served` kept of two models, whichever of them was the champion.

    `items` are those of the queue of feedback. None where nothing was kept. Raises UserError as `shadow_log.read`.
    """
    files = shadow_log.files(served)
    by_first = shadow_log.read(files, first_sha256, second_sha256)
    by_second = [
        one._replace(champion=one.challenger, challenger=one.champion)
        for one in shadow_log.read(files, second_sha256, first_sha256)
    ]
    answers = sorted(by_first + by_second)
    return compare(answers, len(by_first), items) if answers else None


def compare(answers: Sequence[ShadowPredictions], by_first: int, items: Iterable[Item]) -> Shadow:
    """Compare answers, the oldest first, of which the field `champion` is A's; a picture's last answers count."""
    pairs = {one.sha256: (one.champion, one.challenger) for one in answers}
    labels = Counter((first.label, second.label) for first, second in pairs.values())
    accepted = np.array([[one.accepted for one in pair] for pair in pairs.values()])
    return Shadow(
        answers=len(answers),
        by_first=by_first,
        pictures=len(pairs),
        since=_day(answers[0].time),
        until=_day(answers[-1].time),
        differing=[(*both, count) for both, count in labels.most_common() if both[0] != both[1]],
        accepted=(float(accepted[:, 0].mean()), float(accepted[:, 1].mean())),
        more_accepted=comparison.rate_difference(accepted[:, 0], accepted[:, 1]),
        corrected=_corrected(pairs, items),
    )


def _corrected(pairs: dict[str, tuple[ModelPrediction, ModelPrediction]], items: Iterable[Item]) -> Corrected:
    labels = {item.sha256: int(item.label) for item in items if item.label not in (None, DROP)}
    right = Counter(
        tuple(one.label == labels[sha256] for one in pair) for sha256, pair in pairs.items() if sha256 in labels
    )
    only_first, only_second = right[True, False], right[False, True]
    differing = only_first + only_second
    chance = float(stats.binomtest(only_first, differing).pvalue) if differing else 1.0
    return Corrected(right[True, True], only_first, only_second, right[False, False], chance)


def _day(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d")
