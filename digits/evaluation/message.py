"""What the evaluate stage prints: the main figures in words."""

import textwrap
from typing import TYPE_CHECKING, Any

import numpy as np

from digits import paths
from digits.evaluation.certificate import Certificate
from digits.evaluation.summary import without_intervals
from digits.visualization.formats import words

if TYPE_CHECKING:
    import pandas as pd

WIDTH = 80  # columns of a usual terminal


def text(evaluated: dict[str, Any], certificate: Certificate, worst: "pd.Series") -> str:
    """Of metrics/evaluate.json, the certificate and the worst row of `slices.score`."""
    test, errors = evaluated["test"], evaluated["corruption_error"]
    refused = without_intervals(evaluated["refused"])
    least = min(refused, key=refused.__getitem__)
    pages = evaluated["pages"]
    f1 = ", ".join(f"{one['f1']:.0%} ({words(name)})" for name, one in pages.items() if name != "grids")
    sources = test["sources"] if len(test["sources"]) > 1 else {}
    by_source = "".join(f"; {name} {one['accuracy']:.2%} of {one['pictures']:,}" for name, one in sources.items())
    lines = [
        f"evaluated: accuracy {test['accuracy']:.2%} on {test['pictures']:,} test digits, 95 % interval "
        f"{test['accuracy_low']:.2%} to {test['accuracy_high']:.2%}{by_source}; log loss {test['log_loss']:.4f}",
        f"calibration error {test['ece']:.2%}; a perfectly calibrated model shows "
        f"{test['ece_if_calibrated_low']:.2%} to {test['ece_if_calibrated_high']:.2%}",
        f"accepts {test['coverage']:.2%} of the test digits, and misreads {test['error_when_accepted']:.2%} of these",
        f"certified: {certificate}; for digits like these, not for other pictures, such as photographs",
        f"refuses {np.mean([*refused.values()]):.1%} of what is no digit, least often {words(least)}: "
        f"{refused[least]:.1%}",
        f"misreads {errors['mean']:.1%} of corrupted digits and {1 - evaluated['font_accuracy']:.1%} of printed ones",
        f"reads composed pages with an F1 of {f1}, and {pages['grids']['cell_accuracy']:.1%} of the cells of grids",
        f"the worst slice is {worst['slice']}: {worst['group']}, with an accuracy of {worst['accuracy']:.2%}",
        f"open {paths.EVALUATION_REPORT} for pictures of what it can't read",
    ]
    return "\n".join(
        textwrap.fill(line, WIDTH, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False)
        for line in lines
    )
