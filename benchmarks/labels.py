"""How many wrong labels the search finds, and how many of its list are wrong. Prints tables in Markdown.

    python -m benchmarks.labels [--source mnist-5k] [--flipped 0.01] [--seed 0] [--preset NAME] [--mnist FOLDER]
    python -m benchmarks.labels --model FILE … [--votes FILE] [--mnist FOLDER]

The first form gives a share of the labels of `mnist-5k`, or of MNIST's 60,000 training digits (`mnist`), to another
class at random, runs the search of `digits labels find` with `train` or a preset, and counts with every rule of
cleanlab what is found. The second one predicts MNIST's 10,000 test digits with models that did not learn them, and
compares the list with what five people each said of 100 of these labels (cleanlab/label-errors, Apache 2.0).
"""

import argparse
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
from cleanlab.filter import find_label_issues
from scipy.special import softmax

from benchmarks import mnist
from benchmarks.processes import DATA, ROOT
from digits.data.dataset import Digits
from digits.errors import exit_status
from digits.evaluation import calibration, labels
from digits.labels import folds, search
from digits.model.classifier import Classifier
from digits.params import Params, load

VOTES = DATA / "mnist_test_label_votes.json"
RULES = (
    "low_self_confidence",
    "prune_by_noise_rate",
    "prune_by_class",
    "both",
    "confident_learning",
    "predicted_neq_given",
)
FOLDS = 5


def flip(true: np.ndarray, share: float, seed: int) -> np.ndarray:
    """The (n,) labels, a share of them changed to another class at random."""
    random = np.random.default_rng(seed)
    rows = random.choice(len(true), round(share * len(true)), replace=False)
    given = true.copy()
    given[rows] = (given[rows] + random.integers(1, 10, len(rows))) % 10
    return given


def planted(options: argparse.Namespace, params: Params) -> None:
    """Print what every rule finds of the labels that were changed."""
    digits = mnist.idx(options.mnist, "train") if options.source == "mnist" else mnist.own()
    given = flip(digits.labels, options.flipped, options.seed)
    searched = Digits(digits.images, given)
    train = params.preset(options.preset) if options.preset else params.train
    fold = folds.assign(searched, FOLDS, params.ingest, train.seed)
    with tempfile.TemporaryDirectory() as state:
        logits = folds.logits(searched, fold, train, Path(state), lambda *of: print(*of, file=sys.stderr, flush=True))
    wrong = np.flatnonzero(given != digits.labels)
    accuracy = (logits.argmax(axis=1) == digits.labels).mean()
    print(f"{len(wrong)} of {len(given):,} labels changed; accuracy out of fold {accuracy:.2%}\n")
    print("| rule | probabilities | list | found | precision |", "|---|---|---:|---:|---:|", sep="\n")
    twice = search.calibrate(logits, given)
    once = softmax(logits / calibration.fit_temperature(logits, given), axis=1)
    print(row("`digits labels find`", "calibrated twice", labels.find_issues(given, twice).rows, wrong))
    kinds = {"calibrated twice": twice, "calibrated once": once, "as trained": softmax(logits, axis=1)}
    for name, probabilities in kinds.items():
        for rule in RULES:
            issues = find_label_issues(given, probabilities, filter_by=rule, n_jobs=1)
            print(row(rule, name, np.flatnonzero(issues), wrong))


def row(rule: str, probabilities: str, listed: np.ndarray, wrong: np.ndarray) -> str:
    found = np.isin(listed, wrong)
    return f"| {rule} | {probabilities} | {len(listed)} | {found.sum() / len(wrong):.0%} | {found.mean():.0%} |"


def doubted(options: argparse.Namespace) -> None:
    """Print how many of the labels that most of five people doubted are in the list, and the accuracy without them."""
    images, given = mnist.idx(options.mnist, "t10k")
    votes = {one["id"]: one["mturk"] for one in json.loads(options.votes.read_text())}
    wrong = np.array([row for row, said in votes.items() if said["given"] < 3])
    others = np.delete(np.arange(len(given)), wrong)
    print(
        "| model | accuracy | without the doubted | issues | doubted among them | doubted among the n least probable |"
    )
    print("|---|---:|---:|---:|---:|---|")
    for path in options.model:
        probabilities = Classifier(path).predict(images).probabilities
        right = probabilities.argmax(axis=1) == given
        rows = labels.find_issues(given, probabilities).rows
        ranked = np.argsort(probabilities[np.arange(len(given)), given], kind="stable")
        first = ", ".join(f"{count}: {np.isin(ranked[:count], wrong).sum()}" for count in (15, 30, 50, 100))
        print(
            f"| `{path.name}` | {right.mean():.2%} | {right[others].mean():.2%} | {len(rows)} | "
            f"{np.isin(wrong, rows).sum()} of {len(wrong)} | {first} |"
        )


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("--source", choices=("mnist-5k", "mnist"), default="mnist-5k")
    parser.add_argument("--flipped", type=float, default=0.01, help="share of the labels that are changed")
    parser.add_argument("--seed", type=int, default=0, help="of the changes")
    parser.add_argument("--preset", help="of params.yaml, in place of `train`")
    parser.add_argument("--model", type=Path, nargs="+")
    parser.add_argument("--votes", type=Path, default=VOTES)
    options = parser.parse_args()
    if options.model:
        doubted(options)
    else:
        planted(options, load(ROOT / "params.yaml"))


if __name__ == "__main__":
    sys.exit(exit_status(main))
