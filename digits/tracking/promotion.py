"""Promotion of a version to champion: its gates first, then the selection by the loss on the validation split."""

from dataclasses import dataclass, field, replace

import numpy as np

from digits.params import Register
from digits.tracking import alias_writes, choices, gates, registry, runs
from digits.tracking.alias_writes import AliasWrites
from digits.tracking.challenge import Comparison, compare
from digits.tracking.history import CORRECTION, REGISTER
from digits.tracking.registry import CHALLENGER, UnusableVersionError, Version, number_of
from digits.tracking.scores import Scores


@dataclass(frozen=True)
class Decision:
    """Whether a version is champion, and the reason as text. Unless it is final, the next `register` decides again."""

    champion: bool
    reason: str
    final: bool = True
    missed: list[str] = field(default_factory=list)  # the gates, each as a reason in text


def decide(metrics: dict[str, float], params: Register, found: Comparison) -> Decision:
    """Decide about a candidate by its metrics, as flat_metrics names them, and its comparison with the champion.

    Where their losses can't be compared, the gates decide.
    """
    missed = gates.missed(metrics, found.gates, params)
    if missed:
        return Decision(False, "; ".join(missed), missed=missed)
    if found.unknown:
        return Decision(False, found.unknown, final=False)
    notes = "".join(f"; {note}" for note in (*found.gates, *found.left_out))
    loss = found.loss
    if isinstance(loss, str):
        passes = f"it passes every gate, with a test accuracy of {metrics['test_accuracy']:.2%}"
        return Decision(True, f"{passes}, and {loss}{notes}")
    where = f"champion's less its own on {loss.digits:,} validation digits: {loss}"
    if loss.mean <= 0:
        word = "equals" if loss.mean == 0 else "is above"
        return Decision(False, f"its log loss {word} the champion's ({where})")
    if params.confidence and loss.low <= 0:
        return Decision(False, f"its log loss is below the champion's, but not surely by register.confidence ({where})")
    return Decision(True, f"its log loss is below the champion's ({where}){notes}")


def promote(version: Version, metrics: dict[str, float], params: Register) -> Decision:
    """Make the version, the one of models/ with these metrics, champion if it is the best, else challenger."""
    scored, missed = Scores(), gates.missed(metrics, [], params)
    with alias_writes.opened(version) as writes:
        while True:
            before = registry.champion()
            if number_of(before) == version.number:
                if writes.unfinished:
                    _correct(writes, scored)
                though = f", though {'; '.join(missed)}" if missed else ""
                decision = Decision(True, f"it was champion before{though}", missed=missed)
                break
            choice = choices.against(version, before)
            if choice is not None:
                decision = Decision(False, choices.reason(choice, version), missed=missed)
            else:
                found = compare(version, before, params, scored)
                runs.log_metrics(version.run_id, {gate.metric: gate.chance for gate in found.gates})
                decision = decide(metrics, params, found)
            if decision.champion and writes.make_champion(version, before, REGISTER, decision.reason):
                _correct(writes, scored)
                break
            if not decision.champion and number_of(registry.champion()) == number_of(before):
                break
            # Another process or a person set another one meanwhile: compare with that.
    return _settled(version, decision)


def _correct(writes: AliasWrites, scored: Scores) -> None:
    """Make the best of the versions champion that this process may have overwritten, unless a person chose one."""
    while True:
        rivals = [registry.get_version(number) for number in writes.rivals()]
        now = registry.champion()
        if now is None or not writes.names(now):
            return
        choice = choices.against(now, now)
        if choice is not None:  # made while this process compared
            best, why = registry.get_version(str(choice.after)), f"{choice.who} chose it at the same time"
        else:
            others = [one for one in rivals if one.number != now.number and choices.against(one, now) is None]
            best, why = _best([now, *others], scored), "the best of those that were registered at the same time"
        if best.number == now.number:
            return
        writes.make_champion(best, now, CORRECTION, why)


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
    if number_of(now) == version.number:
        registry.delete_alias(CHALLENGER, version)
        return replace(decision, champion=True, reason=f"version {version.number} is champion: {decision.reason}")
    registry.set_alias(CHALLENGER, version)
    if decision.champion:
        other = f"version {now.number} is champion" if now else "the alias was removed"
        decision = Decision(False, f"at the same time {other}")
    return replace(decision, reason=f"version {version.number} stays a challenger: {decision.reason}")
