"""What a model accepts, chosen on disjoint parts of the validation split: nothing is fitted on test digits."""

from pathlib import Path
from typing import NamedTuple

import numpy as np

from digits.arrays import Pixels
from digits.data.dataset import Digits
from digits.errors import UserError
from digits.evaluation import calibration, certificate, parts, refusal
from digits.evaluation.certificate import Certificate
from digits.files import atomic_write
from digits.model import acceptance
from digits.model.acceptance import Acceptance
from digits.model.classifier import Classifier
from digits.params import Evaluate

MAX_SCORE = 0.0  # log-odds: what is more probably no digit than one is refused, whatever a few odd digits score
MAX_TRAINING_DIGITS = 10_000  # for the thresholds that are tried: more make them no finer


class Choice(NamedTuple):
    """The acceptance that a model file has, and what is certified of what it accepts."""

    acceptance: Acceptance
    certificate: Certificate


def training_rows(count: int) -> np.ndarray:
    """Which of so many training digits are used, ascending: all, or a random sample."""
    return np.sort(np.random.default_rng(0).permutation(count)[:MAX_TRAINING_DIGITS])


def choose(
    network: Path, validation: Digits, hashes: np.ndarray, training: Pixels, params: Evaluate, path: Path
) -> Choice:
    """Write the model file `path`: `network` with a temperature, a bound of the outlier score and a threshold.

    Takes the validation split, its (n,) 'S64' hashes, and (t, 28, 28) uint8 training digits, those at `training_rows`,
    of which the thresholds that are tried come. Raises UserError where a part of the validation split has too few
    digits.
    """
    rows = parts.divide(hashes)
    smallest = min(int(of_part.sum()) for of_part in rows.values())
    if smallest < 2:
        raise UserError(
            f"the validation split has {len(hashes):,} digits, which leave {smallest} for a part of it that chooses "
            "what the model accepts; expected 2 or more: add pictures, or raise ingest.validation_fraction"
        )
    plain = Classifier(network).predict(validation.images)
    calibrated, bounded, tested = (rows[name] for name in parts.SHARES)
    temperature = calibration.fit_temperature(plain.logits[calibrated], validation.labels[calibrated])
    bound = min(MAX_SCORE, refusal.max_score(plain.score[bounded], params.max_digits_refused))
    chosen = Acceptance(temperature, 0.0, bound)
    with atomic_write(path) as temporary:
        acceptance.apply(network, chosen, temporary)
        classifier = Classifier(temporary)  # as it will be used: the threshold is for its probabilities
        confidences = classifier.predict(training).probabilities.max(axis=1)
        found = classifier.predict(validation.images[tested])
        asked = params.max_error_when_accepted, params.certificate_confidence
        claims = certificate.claims(confidences, int(tested.sum()), *asked)
        certified = certificate.certify(found.probabilities, validation.labels[tested], found.accepted, claims)
        chosen = chosen._replace(min_probability=certified.threshold)
        acceptance.apply(network, chosen, temporary)
    return Choice(chosen, certified)
