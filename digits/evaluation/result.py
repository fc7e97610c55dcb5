"""What an evaluation found: the plots and the report are made of it."""

from typing import Any, NamedTuple

import pandas as pd

from digits.data.dataset import Digits
from digits.data.training_tables import NonDigits
from digits.evaluation.certificate import Certificate
from digits.model.classifier import Classifier, Predictions


class Evaluation(NamedTuple):
    """A classifier, what it predicts for the n test digits and for what is no digit, and how it scores.

    `groups` are those of `slices.group`, `table` that of `slices.score`, `metrics` the content of the metrics' file.
    `page` is a JPEG of a composed page with the boxes of what is read in it.
    """

    classifier: Classifier
    test: Digits
    found: Predictions
    others: NonDigits
    found_others: Predictions
    groups: pd.DataFrame
    table: pd.DataFrame
    metrics: dict[str, Any]
    certificate: Certificate
    page: bytes
