"""What the evaluate stage prints: the main figures in words."""

from typing import TYPE_CHECKING, Any

import numpy as np

from digits import paths
from digits.evaluation.certificate import Certificate

if TYPE_CHECKING:
    import pandas as pd


def text(evaluated: dict[str, Any], certificate: Certificate, worst: "pd.Series") -> str:
    """Of metrics/evaluate.json, the certificate and the worst row of `slices.score`."""
    test, errors = evaluated["test"], evaluated["corruption_error"]
    refused = {kind: one for kind, one in evaluated["refused"].items() if not kind.endswith(("_low", "_high"))}
    least = min(refused, key=refused.__getitem__)
    sources = test["sources"] if len(test["sources"]) > 1 else {}
    by_source = "".join(f"; {name} {one['accuracy']:.2%} of {one['pictures']:,}" for name, one in sources.items())
    return (
        f"evaluated: accuracy {test['accuracy']:.2%} ({test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}) on "
        f"{test['pictures']:,} test digits{by_source}; log loss {test['log_loss']:.4f}\n"
        f"  calibration error {test['ece']:.2%}; a perfectly calibrated model shows "
        f"{test['ece_if_calibrated_low']:.2%} to {test['ece_if_calibrated_high']:.2%}\n"
        f"  accepts {test['coverage']:.2%} of the test digits, of which {test['error_when_accepted']:.2%} are misread\n"
        f"  certified: {certificate}; it holds for digits like these, not for photographs or other things\n"
        f"  refuses of what is no digit {np.mean([*refused.values()]):.1%}, least of {least.replace('_', ' ')}, "
        f"{refused[least]:.1%}\n"
        f"  misreads {errors['mean']:.1%} of corrupted digits, {1 - evaluated['font_accuracy']:.1%} of printed ones; "
        f"the worst slice is {worst['slice']}: {worst['group']}, {worst['accuracy']:.2%}\n"
        f"next: look at {paths.MISTAKES}, {paths.RELIABILITY} and {paths.SLICES}"
    )
