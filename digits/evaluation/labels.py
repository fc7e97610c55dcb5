"""Labels that are probably wrong, found by confident learning (Northcutt et al. 2021, arXiv 1911.00068)."""

from typing import NamedTuple

import numpy as np

from digits.arrays import Floats, Ints


class LabelIssues(NamedTuple):
    """The k of n digits whose label is probably wrong, that with the least probable label first.

    `rows` (k,) int64 are their positions, `suggested` (k,) int64 the most probable labels, and
    `probability_given` and `probability_suggested` (k,) float64 the probabilities of the two labels, 0 to 1.
    """

    rows: Ints
    suggested: Ints
    probability_given: Floats
    probability_suggested: Floats


def find_issues(labels: Ints, probabilities: Floats) -> LabelIssues:
    """The label issues among (n,) integer labels 0 to 9, by (n, 10) probabilities of a model that did not learn them.

    Confident learning estimates how many labels are wrong, and the issues are as many of the least probable labels,
    but for those that are the most probable of the ten. The probabilities should be calibrated: of too diffuse ones, as
    after label smoothing, fewer are found. docs/explanation/evaluation.md compares cleanlab's rules.
    """
    from cleanlab.filter import find_label_issues

    rows = find_label_issues(
        labels, probabilities, filter_by="low_self_confidence", return_indices_ranked_by="self_confidence", n_jobs=1
    )
    suggested = probabilities[rows].argmax(axis=1)
    differs = suggested != labels[rows]
    rows, suggested = rows[differs], suggested[differs]
    given, other = (probabilities[rows, of].astype(np.float64) for of in (labels[rows], suggested))
    return LabelIssues(rows, suggested, given, other)
