"""What error is certified with how many validation digits: prints a table in Markdown.

    python -m benchmarks.certificate [models/network.onnx] [--mnist FOLDER]

The digits are drawn from MNIST's 10,000 test digits, with replacement, SAMPLES times; the thresholds to try come from
the 60,000 training digits. The temperature is fitted on all of the test digits: this is about the certificate alone.
"""

from pathlib import Path
from statistics import median

import numpy as np
from scipy.special import softmax

from benchmarks import mnist
from digits.evaluation import calibration
from digits.evaluation.certificate import Certificate, certify, claims
from digits.model.classifier import Classifier
from digits.paths import ONNX

CONFIDENCE = 0.9
ERRORS = (0.001, 0.002, 0.005, 0.01)
SIZES = (163, 400, 2400, 5000, 10000)  # 163 and 2,400: the threshold's part of the default's and of MNIST's validation
SAMPLES = 50


def format_cell(found: list[Certificate]) -> str:
    """Median coverage where most samples certify the error, else the median of the error that they certify."""
    met = sum(one.met for one in found) / len(found)
    coverage = f"{median(one.accepted / one.digits for one in found):.0%} accepted"
    if met > 0.5:
        return coverage + (f", in {met:.0%} of samples" if met < 1 else "")
    return f"no: {median(one.certified_error for one in found):.2%}, {coverage}"


def main() -> None:
    parser = mnist.parser(__doc__)
    parser.add_argument("model", type=Path, nargs="?", default=ONNX)
    arguments = parser.parse_args()
    classifier, random = Classifier(arguments.model), np.random.default_rng(0)
    train, test = (mnist.idx(arguments.mnist, name) for name in ("train", "t10k"))
    logits = classifier.predict(test.images).logits
    temperature = calibration.fit_temperature(logits, test.labels)
    probabilities = softmax(logits / temperature, axis=1)
    training = softmax(classifier.predict(train.images).logits / temperature, axis=1).max(axis=1)
    print(f"| digits | {' | '.join(f'{error:.1%}' for error in ERRORS)} |\n|---|{'---|' * len(ERRORS)}")
    for size in SIZES:
        samples = random.integers(0, len(test.labels), (SAMPLES, size))
        within = np.ones(size, bool)
        cells = []
        for error in ERRORS:
            tested = claims(training, size, error, CONFIDENCE)
            found = [certify(probabilities[rows], test.labels[rows], within, tested) for rows in samples]
            cells.append(format_cell(found))
        print(f"| {size:,} | {' | '.join(cells)} |", flush=True)


if __name__ == "__main__":
    main()
