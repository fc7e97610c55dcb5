"""The error among accepted digits that can be certified, by learn-then-test (Angelopoulos et al., arXiv 2110.01052).

Each claim says that of the digits with at least some confidence at most some share is misread. The claims and their
order are fixed before a label of the calibration digits is seen, from the confidences of the training digits. Each in
turn is tested on the calibration digits by the exact binomial test (Clopper and Pearson 1934), up to the first that
they do not support: then all before it hold at once, with the confidence of a single test (fixed-sequence testing,
Bauer 1991). It holds for digits drawn like the calibration digits alone.
"""

from typing import NamedTuple

import numpy as np

from digits.arrays import Bools, Floats, Ints

WORST_LEVEL = 0.1  # a higher error is not worth a certificate
LEAST_COVERAGE = 0.5  # of the claims that accept least
USEFUL_COVERAGE = 0.985  # likewise, where the digits are too few for the error asked for: to refuse more gains nothing
RESERVE = 1.25  # how many times the digits that a claim needs it accepts: fewer may be as confident as expected
STEPS = 100


class Claims(NamedTuple):
    """(m,) claims in the order of their tests: of digits with confidence >= threshold at most `levels` are misread.

    The levels fall to `max_error`, then the thresholds fall. `confidence` is that with which all certified claims hold.
    """

    levels: Floats
    thresholds: Floats
    max_error: float
    confidence: float


class Certificate(NamedTuple):
    """Of digits like the calibration `digits`, of those accepted at most `certified_error` are misread, 0 to 1.

    `threshold` is the lowest confidence that is accepted. Of the calibration digits, `accepted` were accepted and
    `errors` of these misread. Where nothing is certified, `certified_error` is 1 and the threshold 0.
    """

    threshold: float
    certified_error: float
    max_error: float
    confidence: float
    digits: int
    accepted: int
    errors: int

    @property
    def met(self) -> bool:
        """Whether the certified error is at most the one asked for."""
        return self.certified_error <= self.max_error

    @property
    def needed(self) -> int:
        """How many accepted digits, none of them misread, certify the error asked for."""
        return digits_needed(self.max_error, self.confidence)

    def __str__(self) -> str:
        found = f"of {self.digits:,} validation digits {self.accepted:,} accepted, {self.errors} of these misread"
        least = f"{self.needed:,} accepted without an error"
        if self.certified_error == 1:
            return f"no error is certified ({found}; {self.max_error:.2%} takes {least})"
        shown = f"at most {self.certified_error:.2%} error among accepted digits, at {self.confidence:.0%} confidence"
        return f"{shown} ({found})" if self.met else f"{shown} ({found}; {self.max_error:.2%} takes {least})"


def digits_needed(max_error: float, confidence: float) -> int:
    """How many accepted digits, none of them misread, certify an error of at most `max_error`."""
    return int(np.ceil(np.log1p(-confidence) / np.log1p(-max_error)))


def claims(training: Floats, digits: int, max_error: float, confidence: float) -> Claims:
    """The claims to test on `digits` calibration digits, from the (t,) confidences of the training digits alone.

    The thresholds are some of these, in their dtype: that of the probabilities that are compared with them.
    The coverage grows, by quantiles of `training`, until all digits are accepted. It begins where RESERVE times the
    digits needed for `max_error` are accepted, from LEAST_COVERAGE to USEFUL_COVERAGE. The level of a
    coverage is the lowest that so many digits without an error certify, less the RESERVE, but at least `max_error`.
    Before it, the first threshold is tested at each level from WORST_LEVEL down.
    """
    needed = RESERVE * digits_needed(max_error, confidence) / digits
    first = min(max(needed, LEAST_COVERAGE), USEFUL_COVERAGE)
    coverage = np.linspace(first, RESERVE, STEPS)  # above 1 all are accepted, and the reserve shrinks
    levels = np.maximum(max_error, _lowest_level(digits * coverage / RESERVE, confidence))
    thresholds = np.quantile(training, np.clip(1 - coverage, 0, 1), method="lower")
    thresholds[coverage >= 1] = 0
    worst = max(max_error, WORST_LEVEL)
    thresholds, levels = thresholds[levels <= worst], levels[levels <= worst]
    if len(levels):
        before = np.geomspace(worst, levels[0], STEPS, endpoint=False)
        levels = np.concatenate([before, levels])
        thresholds = np.concatenate([np.full(STEPS, thresholds[0]), thresholds])
    return Claims(levels, thresholds, max_error, confidence)


def certify(probabilities: Floats, labels: Ints, within_bound: Bools, tested: Claims) -> Certificate:
    """Test the claims on n calibration digits, on which nothing else was chosen.

    Takes their (n, k) probabilities, (n,) integer labels and (n,) bool, whether the outlier score is within its bound:
    a digit beyond it is not accepted, whatever its confidence.
    """
    from mapie.risk_control import control_fwer
    from scipy import stats

    misread = probabilities.argmax(axis=1) != labels
    accepts = within_bound & (probabilities.max(axis=1) >= tested.thresholds[:, None])
    accepted = accepts.sum(axis=1)
    errors = (accepts & misread).sum(axis=1)
    # MAPIE's own p-value rounds the number of errors up: 3 of 187 become 4
    p_values = stats.binom.cdf(errors, accepted, tested.levels)
    # its controller would turn the order by the errors that it sees, which the certificate does not allow
    held = control_fwer(p_values, 1 - tested.confidence, "fixed_sequence") if len(p_values) else []
    if not len(held):
        inside, wrong = within_bound.sum(), (within_bound & misread).sum()
        return Certificate(0.0, 1.0, tested.max_error, tested.confidence, len(labels), int(inside), int(wrong))
    last = held[-1]
    return Certificate(
        threshold=float(tested.thresholds[last]),
        certified_error=float(tested.levels[last]),
        max_error=tested.max_error,
        confidence=tested.confidence,
        digits=len(labels),
        accepted=int(accepted[last]),
        errors=int(errors[last]),
    )


def _lowest_level(digits: Floats, confidence: float) -> Floats:
    """The error that so many digits without an error certify, by the exact binomial test."""
    level: Floats = -np.expm1(np.log1p(-confidence) / digits)
    return level
