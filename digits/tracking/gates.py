"""The gates that a model passes before promotion: floors of its metrics, and that it is not worse than the champion.

MLflow's validation of metrics by thresholds decides. A metric that is missing or no number fails.
"""

import math
from typing import NamedTuple

from digits.params import Register
from digits.paths import EVALUATION
from digits.tracking.challenge import Gate

LEVEL = 0.05  # of McNemar's test: a candidate that is as good as the champion is refused once in twenty times


class Floor(NamedTuple):
    """A bound of a metric, by its key in params.yaml, section `register`: `min_…` or `max_…`."""

    key: str
    metric: str  # as flat_metrics names it
    name: str  # in messages
    form: str = ".2%"

    @property
    def is_minimum(self) -> bool:
        return self.key.startswith("min_")

    def bound(self, params: Register) -> float:
        bound: float = getattr(params, self.key)
        return bound

    def reason(self, metrics: dict[str, float], params: Register) -> str:
        """Why a model misses it: the value, the bound, and the key that changes the bound."""
        value, bound = metrics.get(self.metric), f"register.{self.key} = {self.bound(params):{self.form}}"
        if value is None or math.isnan(value):
            return f"its {self.name}, for {bound}, is {'no number' if value else 'missing'} in {EVALUATION}"
        return f"its {self.name} of {value:{self.form}} is {'below' if self.is_minimum else 'above'} {bound}"


FLOORS = (
    Floor("min_accuracy", "test_accuracy", "test accuracy"),
    Floor("max_ece", "test_ece", "expected calibration error"),
    Floor("min_coverage", "test_coverage", "coverage"),
    Floor("min_auroc", "auroc_worst", "AUROC for the worst kind of non-digit", ".3f"),
    Floor("max_corruption_error", "corruption_error_mean", "mean error on corrupted digits"),
    Floor("min_font_accuracy", "font_accuracy", "accuracy on digits of fonts"),
    Floor("min_worst_slice", "test_worst_slice_accuracy", "accuracy on the worst slice"),
)


def missed(metrics: dict[str, float], comparisons: list[Gate], params: Register) -> list[str]:
    """Every gate that a model misses, as a reason in text; empty where it passes all.

    `metrics` are those of metrics/evaluate.json, as flat_metrics names them; `comparisons` are with the champion.
    """
    chances = {one.metric: one.chance for one in comparisons}
    failed = [one for one in FLOORS if not _passes(metrics, one.metric, one.bound(params), one.is_minimum)]
    worse = [one for one in comparisons if not _passes(chances, one.metric, LEVEL)]
    return [*(one.reason(metrics, params) for one in failed), *(f"{one}, below {LEVEL}" for one in worse)]


def floor_metrics(metrics: dict[str, float]) -> dict[str, float | None]:
    """Of a model's metrics those that have a floor."""
    return {floor.metric: metrics.get(floor.metric) for floor in FLOORS}


def _passes(metrics: dict[str, float], metric: str, threshold: float, greater_is_better: bool = True) -> bool:
    import mlflow
    from mlflow.models import EvaluationResult, MetricThreshold
    from mlflow.models.evaluation.validation import ModelValidationFailedException

    thresholds = {metric: MetricThreshold(threshold=threshold, greater_is_better=greater_is_better)}
    try:
        mlflow.validate_evaluation_results(thresholds, EvaluationResult(metrics, artifacts={}))
    except ModelValidationFailedException:
        return False
    return True
