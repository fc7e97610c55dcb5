"""Register: enter the model in the registry, and make it champion where it has earned that.

Reads   models/digits.onnx, models/digits.weights.h5, metrics/evaluate.json, data/processed/, and the validation of the
        data (metrics/validate.json, reports/validation.html, data/profile.json), which the run keeps
Writes  models/registered.json (what was registered; who is champion is the registry's own to say)
"""

import sys
from dataclasses import dataclass
from pathlib import Path

from digits.errors import UserError, run
from digits.files import digest, read_json, write_json
from digits.tracking import receipt

REGISTERED = Path("models/registered.json")


def leave_if_entered() -> None:
    """End here where the record holds the model already: DVC runs this stage each time."""
    known = receipt.valid()
    if known is not None:
        write_json(REGISTERED, known)
        print("registered: the record holds this model already; `make register` enters it again all the same")
        sys.exit()


if __name__ == "__main__":
    run(leave_if_entered)  # before the rest is loaded, which takes a second

from digits import dataset, drift, scores, versions
from digits.outputs import EVALUATED, ONNX, PROFILE, VALIDATION, WEIGHTS
from digits.params import load
from digits.tracking import record, registry, runs, store


@dataclass(frozen=True)
class Decision:
    """Whether a version becomes champion, and why or why not, in words."""

    promoted: bool
    reason: str


def decide(accuracy: float, floor: float, champion: float | None) -> Decision:
    """Hold a model's test accuracy against the floor and against the champion's on the same test split."""
    if accuracy < floor:
        return Decision(False, f"its accuracy of {accuracy:.2%} is below register.min_accuracy = {floor:.2%}")
    if champion is None:
        return Decision(
            True, f"its accuracy of {accuracy:.2%} meets the floor of {floor:.2%}, and there was no champion"
        )
    if accuracy > champion:
        return Decision(
            True, f"its accuracy of {accuracy:.2%} beats the champion's {champion:.2%} on the same test split"
        )
    return Decision(
        False, f"its accuracy of {accuracy:.2%} does not beat the champion's {champion:.2%} on the same test split"
    )


def accuracy_today(version: registry.Version) -> float:
    """A registered version's accuracy on today's test split, whichever it was tested on before."""
    test = dataset.read_prepared("test")
    return scores.accuracy(registry.Model(version.uri).probabilities(test.images), test.labels)


def promote(version: registry.Version, accuracy: float, floor: float) -> str:
    """Give the version the alias it has earned; returns what became of it, in words."""
    below = "" if accuracy >= floor else f", though {accuracy:.2%} is below register.min_accuracy = {floor:.2%}"
    with registry.claiming(version, accuracy if accuracy >= floor else 0.0):
        while True:
            champion = registry.champion()
            if champion is not None and champion.number == version.number:
                return f"version {version.number} is the champion already{below}"
            decision = decide(accuracy, floor, accuracy_today(champion) if champion else None)
            rival = registry.better_claim(version, accuracy) if decision.promoted else None
            if rival is not None:
                decision = Decision(False, f"version {rival.number}, registered at the same time, is as good or better")
            if registry.is_champion(champion):  # else another was quicker while this one was held against the last
                break
        if decision.promoted:
            registry.point(registry.CHAMPION, to=version)
            registry.drop(registry.CHALLENGER, of=version)
            return f"version {version.number} is now champion: {decision.reason}"
        registry.point(registry.CHALLENGER, to=version)
        return f"version {version.number} stays a challenger: {decision.reason}"


def must_agree(difference: float, bound: float) -> None:
    """Refuse a model whose ONNX file does not say what the trained network says. Raises UserError."""
    if not difference <= bound:
        raise UserError(
            f"{ONNX} gives logits that lie up to {difference:.2g} from those of {WEIGHTS}, more than "
            f"register.max_logit_difference = {bound:.2g}: the two are not of one training, or the file is damaged; "
            "`dvc repro --force train` makes both anew"
        )


def main() -> None:
    whole = load()
    params = whole.register_
    evaluated = read_json(EVALUATED)
    accuracy = evaluated["test"]["accuracy"]
    must_agree(evaluated["logit_difference"], params.max_logit_difference)
    content = {
        runs.WEIGHTS: digest(WEIGHTS, "sha256"),
        "onnx_sha256": digest(ONNX, "sha256"),
        "train_md5": digest(dataset.PREPARED / "train.parquet", "md5"),
        "test_md5": digest(dataset.PREPARED / "test.parquet", "md5"),
        "validation_md5": digest(VALIDATION[0], "md5"),
        "accuracy": accuracy,
    }
    run_id = record.enter(whole)
    with store.answering():
        tags = {name: str(value) for name, value in content.items()}
        version = registry.register(run_id, {**tags, "git_commit": versions.head()})
        runs.keep(version.run_id, "validation", VALIDATION)
        outcome = promote(version, accuracy, params.min_accuracy)
        champion = registry.champion()
    entered = {"name": registry.NAME, **content, "meets_floor": accuracy >= params.min_accuracy}
    write_json(REGISTERED, entered)
    receipt.write(entered)
    print(f"registered: {outcome}")
    if (
        champion is not None
        and champion.number == version.number
        and drift.REFERENCE.read_bytes() != PROFILE.read_bytes()
    ):
        print("its training data are not those of data/reference.json: `digits data reference` holds new data to them")
    print("next: `digits predict PICTURE` to use the champion, `make ui` to compare runs")


if __name__ == "__main__":
    run(main)
