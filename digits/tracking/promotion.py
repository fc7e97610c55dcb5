"""Promotion of a version to champion."""

from dataclasses import dataclass

from digits.data import dataset
from digits.evaluation import metrics
from digits.tracking import registry
from digits.tracking.registry import CHALLENGER, CHAMPION, Version


@dataclass(frozen=True)
class Decision:
    """Whether a version is champion, and the reason as text."""

    champion: bool
    reason: str


def decide(accuracy: float, floor: float, champion: float | None) -> Decision:
    """Compare a model's test accuracy with the floor and with the champion's on the same test split, each 0 to 1."""
    its = f"its accuracy of {accuracy:.2%}"
    if accuracy < floor:
        return Decision(False, f"{its} is below register.min_accuracy = {floor:.2%}")
    if champion is None:
        return Decision(True, f"{its} meets the floor of {floor:.2%}, and there was no champion")
    verb = "beats" if accuracy > champion else "does not beat"
    return Decision(accuracy > champion, f"{its} {verb} the champion's {champion:.2%} on the same test split")


def current_accuracy(version: Version) -> float:
    """A version's accuracy, 0 to 1, on the current test split."""
    test = dataset.read_processed("test")
    return metrics.accuracy(registry.load_classifier(version).predict(test.images).probabilities, test.labels)


def promote(version: Version, accuracy: float, floor: float) -> Decision:
    """Make the version champion if it is the best, else challenger."""
    below = "" if accuracy >= floor else f", though {accuracy:.2%} is below register.min_accuracy = {floor:.2%}"
    with registry.claiming(version, accuracy if accuracy >= floor else 0.0):
        while True:
            champion = registry.champion()
            if champion is not None and champion.number == version.number:
                return Decision(True, f"version {version.number} is the champion already{below}")
            decision = decide(accuracy, floor, current_accuracy(champion) if champion else None)
            rival = registry.better_claim(version, accuracy) if decision.champion else None
            if rival is not None:
                decision = Decision(False, f"version {rival.number}, registered at the same time, is as good or better")
            if registry.is_champion(champion):  # else another process promoted its own version in the meantime
                break
        if decision.champion:
            registry.set_alias(CHAMPION, version)
            registry.delete_alias(CHALLENGER, version)
            return Decision(True, f"version {version.number} is now champion: {decision.reason}")
        registry.set_alias(CHALLENGER, version)
        return Decision(False, f"version {version.number} stays a challenger: {decision.reason}")
