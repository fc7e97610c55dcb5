"""The figures of the test split, as PNG files in reports/figures."""

from digits import paths
from digits.data.dataset import Digits
from digits.evaluation import calibration, metrics, refusal, slices
from digits.evaluation.result import Evaluation
from digits.model.saliency import occlusion
from digits.visualization import evaluation_figures, figures, slice_figures


def draw(evaluation: Evaluation, worst_mistakes: int) -> None:
    """Draw confusion matrix, the worst mistakes with their saliency, reliability, risk-coverage curve and slices."""
    (images, labels), probabilities = evaluation.test, evaluation.found.probabilities
    figures.confusion_matrix(metrics.confusion_matrix(probabilities, labels), paths.CONFUSION_MATRIX)
    rows = metrics.worst_mistakes(probabilities, labels, worst_mistakes)
    saliency = occlusion(evaluation.classifier, images[rows], probabilities[rows].argmax(axis=1))
    evaluation_figures.mistakes(images[rows], labels[rows], probabilities[rows], rows, saliency, paths.MISTAKES)
    evaluation_figures.reliability(*calibration.reliability(probabilities, labels), paths.RELIABILITY)
    curve, scores = refusal.risk_coverage(probabilities, labels), evaluation.metrics["test"]
    evaluation_figures.risk_coverage(
        curve.coverage,
        curve.error,
        curve.area,
        (scores["coverage"], scores["error_when_accepted"]),
        evaluation.metrics["acceptance"]["min_probability"],
        paths.RISK_COVERAGE,
    )
    worst = slices.worst(evaluation.table)
    rows = slices.hardest(evaluation.groups, worst, probabilities, labels)
    slice_figures.slices(evaluation.table, worst, Digits(images[rows], labels[rows]), probabilities[rows], paths.SLICES)
