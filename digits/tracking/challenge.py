"""A candidate compared with the champion, on digits that neither was trained on, source by source."""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from digits.arrays import Bools
from digits.data import dataset
from digits.data.dataset import Digits
from digits.evaluation import comparison
from digits.evaluation.comparison import Difference
from digits.params import Register
from digits.paths import PROCESSED
from digits.tracking import held_out, scores, tags
from digits.tracking.registry import UnusableVersionError, Version
from digits.tracking.scores import Scores


class Gate(NamedTuple):
    """The champion and a candidate on some test digits that neither was trained on."""

    name: str  # of the digits, in the metric's name
    digits: str  # which they are
    only_champion: int  # those that only the champion classifies correctly
    only_candidate: int
    chance: float  # McNemar's: that two equally good models differ so much

    @property
    def metric(self) -> str:
        return f"mcnemar_p_{self.name}"

    def __str__(self) -> str:
        return (
            f"of {self.digits} {self.only_champion} are classified correctly only by the champion, "
            f"{self.only_candidate} only by it (McNemar's p {self.chance:.2g})"
        )


@dataclass
class Comparison:
    """A candidate and the champion, on digits that neither was trained on."""

    loss: Difference | str = ""  # the champion's less the candidate's, on validation digits; or why there is none
    gates: list[Gate] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)  # what has too few digits for a gate
    unknown: str = ""  # why a gate that is needed can't be tried

    def add(self, name: str, digits: str, champion_right: np.ndarray, right: Bools, params: Register) -> None:
        """Add a gate on some digits, by which of them, (n,) bool, each model classifies correctly."""
        if len(right) < params.min_compared:
            few = f"fewer than register.min_compared = {params.min_compared:,}"
            self.left_out.append(f"{digits} are left out, since {len(right):,} of them can be compared, {few}")
            return
        only_champion = int((champion_right & ~right).sum())
        only_candidate = int((right & ~champion_right).sum())
        self.gates.append(Gate(name, digits, only_champion, only_candidate, comparison.mcnemar(champion_right, right)))


def compare(version: Version, champion: Version | None, params: Register, scored: Scores) -> Comparison:
    """Compare a version, the one of models/, with the champion."""
    if champion is None:
        return Comparison("there was no champion")
    scored.of(version, "validation")  # outside: the candidate's own file must be usable
    try:
        scored.of(champion, "validation")
    except UnusableVersionError as error:
        return Comparison(f"it is not compared with the champion, version {champion.number}: {error}")
    found = Comparison()
    _compare_today(found, version, champion, params, scored)
    if tags.SOURCES in champion.tags:  # not with 0.2 or earlier
        _compare_elsewhere(found, version, champion, params, scored)
    return found


def _compare_today(found: Comparison, version: Version, champion: Version, params: Register, scored: Scores) -> None:
    """Add the difference of the losses, and gates on today's test digits: all of them, and each source's."""
    void = f"it is not compared with the champion, version {champion.number}"
    rows = {}
    for split in ("validation", "test"):
        unseen = scored.unseen(champion, split)
        if unseen is None:
            found.loss = f"{void}: the pictures that one was trained on are not known"
            return
        rows[split] = unseen
        if unseen.sum() < params.min_compared:
            found.loss = (
                f"{void}: that one was trained on all but {unseen.sum():,} of the {len(unseen):,} {split} digits, "
                f"fewer than register.min_compared = {params.min_compared:,} are left"
            )
            return
    theirs, ours = (scored.of(one, "validation").losses[rows["validation"]] for one in (champion, version))
    found.loss = comparison.loss_difference(theirs, ours, params.confidence)
    their_right, right = (one[rows["test"]] for one in (scored.of(champion, "test").right, scores.evaluated()))
    found.add("test", "the test digits", their_right, right, params)
    sources = scored.sources("test")
    names = np.unique(sources).tolist()
    for name in names if len(names) > 1 else ():
        of = sources[rows["test"]] == name
        found.add(f"test_{name}", f"the test digits of {name}", their_right[of], right[of], params)


def _compare_elsewhere(
    found: Comparison, version: Version, champion: Version, params: Register, scored: Scores
) -> None:
    """Add a gate on the champion's test digits of each source that today's data lack.

    Else a model of another kind of digits would become champion however it reads all other digits.
    """
    lacking = sorted(held_out.source_names(champion) - set(dataset.count_sources(PROCESSED)))
    if not lacking:
        return
    former = held_out.of_version(champion)
    if former is None:
        learned = scored.learned(champion)
        if learned is None or scored.absent(learned).any():  # mnist-5k's pictures are mnist's too
            names = ", ".join(lacking)
            found.unknown = (
                f"its data lack the source {names} of the champion, version {champion.number}, and that one's test "
                f"split, MD5 {champion.tags[tags.TEST_SPLIT]}, is not in DVC's cache, so nothing shows that it is not "
                f"worse on {names}: get it by `dvc pull` or `dvc fetch --all-commits`, or add {names} to ingest.sources"
            )
        return
    absent = scored.absent(former.hashes)
    for name in lacking:
        rows = absent & (former.sources == name)
        if rows.any():
            digits = Digits(former.digits.images[rows], former.digits.labels[rows])
            right, their_right = (scores.score(one, digits).right for one in (version, champion))
            which = f"the champion's test digits of {name}, which today's data lack,"
            found.add(f"former_{name}", which, their_right, right, params)
