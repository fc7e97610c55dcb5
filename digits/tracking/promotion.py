"""Promotion of a version to champion: selection on the validation split, a gate on the test split."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from digits.evaluation import comparison
from digits.evaluation.comparison import Difference
from digits.params import Register
from digits.tracking import alias_writes, registry, scores
from digits.tracking.alias_writes import AliasWrites
from digits.tracking.registry import CHALLENGER, UnusableVersionError, Version
from digits.tracking.scores import Scores

ALREADY, BELOW = "it was champion before", ", though its test accuracy is below register.min_accuracy"
GATE = 0.05  # level of McNemar's test: a candidate that is as good as the champion is refused once in twenty times


@dataclass(frozen=True)
class Decision:
    """Whether a version is champion, and the reason as text."""

    champion: bool
    reason: str


class Comparison(NamedTuple):
    """A candidate and the champion, on digits that neither was trained on."""

    loss: Difference  # the champion's less the candidate's, on validation digits
    only_champion: int  # test digits that only the champion classifies correctly
    only_candidate: int
    chance: float  # McNemar's: that two equally good models differ so much


def decide(accuracy: float, params: Register, champion: Comparison | str) -> Decision:
    """Decide about a candidate by its test accuracy, 0 to 1, and its comparison with the champion.

    In place of a comparison `champion` is the reason why there is none; then the floor alone decides.
    """
    floor = f"register.min_accuracy = {params.min_accuracy:.2%}"
    if accuracy < params.min_accuracy:
        return Decision(False, f"its test accuracy of {accuracy:.2%} is below {floor}")
    if isinstance(champion, str):
        return Decision(True, f"its test accuracy of {accuracy:.2%} meets {floor}, and {champion}")
    loss = champion.loss
    where = f"champion's less its own on {loss.digits:,} validation digits: {loss}"
    if loss.mean <= 0:
        word = "equals" if loss.mean == 0 else "is above"
        return Decision(False, f"its log loss {word} the champion's ({where})")
    if params.confidence and loss.low <= 0:
        return Decision(False, f"its log loss is below the champion's, but not surely by register.confidence ({where})")
    test = f"of the test digits {champion.only_champion} are classified correctly only by the champion, "
    test += f"{champion.only_candidate} only by it (McNemar's p {champion.chance:.2g})"
    if champion.chance < GATE:
        return Decision(False, f"its log loss is below the champion's ({where}), but {test}")
    return Decision(True, f"its log loss is below the champion's ({where}); {test}")


def compare(version: Version, champion: Version | None, params: Register, scored: Scores) -> Comparison | str:
    """Compare a version, the one of models/, with the champion; or say why they can't be compared."""
    if champion is None:
        return "there was no champion"
    void = f"it is not compared with the champion, version {champion.number}"
    rows = {}
    for split in ("validation", "test"):
        unseen = scored.unseen(champion, split)
        if unseen is None:
            return f"{void}: the pictures that one was trained on are not known"
        rows[split] = unseen
        if unseen.sum() < params.min_compared:
            return (
                f"{void}: that one was trained on all but {unseen.sum():,} of the {len(unseen):,} {split} digits, "
                f"fewer than register.min_compared = {params.min_compared:,} are left"
            )
    ours = scored.of(version, "validation").losses  # outside: the candidate's own file must be usable
    try:
        theirs, their_right = scored.of(champion, "validation").losses, scored.of(champion, "test").right
    except UnusableVersionError as error:
        return f"{void}: {error}"
    validation, test = rows["validation"], rows["test"]
    right, their_right = scores.evaluated()[test], their_right[test]
    return Comparison(
        loss=comparison.loss_difference(theirs[validation], ours[validation], params.confidence),
        only_champion=int((their_right & ~right).sum()),
        only_candidate=int((right & ~their_right).sum()),
        chance=comparison.mcnemar(their_right, right),
    )


def promote(version: Version, accuracy: float, params: Register) -> Decision:
    """Make the version, the one of models/ with this test accuracy, champion if it is the best, else challenger."""
    scored = Scores()
    with alias_writes.opened(version) as writes:
        while True:
            before = registry.champion()
            if before is not None and before.number == version.number:
                if writes.unfinished:
                    _correct(writes, scored)
                decision = Decision(True, ALREADY + ("" if accuracy >= params.min_accuracy else BELOW))
                break
            decision = decide(accuracy, params, compare(version, before, params, scored))
            if decision.champion and writes.make_champion(version, before):
                _correct(writes, scored)
                break
            if not decision.champion and _number(registry.champion()) == _number(before):
                break
            # Another process or a person set another one meanwhile: compare with that.
    return _settled(version, decision)


def _correct(writes: AliasWrites, scored: Scores) -> None:
    """Make the best of the versions champion that this process may have overwritten, unless a person chose one."""
    while True:
        rivals = {number: registry.get_version(number) for number in writes.rivals()}
        now = registry.champion()
        if now is None or not writes.names(now):
            return
        best = _best([now, *(rival for number, rival in rivals.items() if number != now.number)], scored)
        if best.number == now.number:
            return
        writes.make_champion(best, now)


def _best(versions: list[Version], scored: Scores) -> Version:
    """The version with the lowest log loss on the validation digits that none learned from; of equals the oldest."""
    if len(versions) == 1:
        return versions[0]
    unseen = np.ones(len(scored.digits("validation").labels), bool)
    losses = {}
    for version in versions:
        try:
            losses[version.number] = scored.of(version, "validation").losses
        except UnusableVersionError:
            continue
        known = scored.unseen(version, "validation")
        unseen &= True if known is None else known
    rows = unseen if unseen.any() else slice(None)
    return min(
        (one for one in versions if one.number in losses),
        key=lambda one: (losses[one.number][rows].mean(), int(one.number)),
        default=versions[0],
    )


def _settled(version: Version, decision: Decision) -> Decision:
    """The decision as it came out, with the aliases to fit."""
    now = registry.champion()
    version = registry.get_version(version.number)
    if _number(now) == version.number:
        registry.delete_alias(CHALLENGER, version)
        return Decision(True, f"version {version.number} is champion: {decision.reason}")
    registry.set_alias(CHALLENGER, version)
    if decision.champion:
        other = f"version {now.number} is champion" if now else "the alias was removed"
        decision = Decision(False, f"at the same time {other}")
    return Decision(False, f"version {version.number} stays a challenger: {decision.reason}")


def _number(version: Version | None) -> str | None:
    return version.number if version else None
