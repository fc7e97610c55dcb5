"""What Prometheus reads. With PROMETHEUS_MULTIPROC_DIR set, the figures of all server processes add up."""

import os
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.registry import REGISTRY as OWN

from digits.model.classifier import UNLIKE
from digits.prediction.batches import Prediction
from digits.reading import Page
from digits.serving.settings import METRICS_FOLDER

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
PROBABILITIES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 0.999, 1)

REQUESTS = Counter("digits_requests", "Requests by route and HTTP status", ["route", "status"])
LATENCY = Histogram("digits_request_seconds", "Time from a request to its response", ["route"], buckets=SECONDS)
PREDICTIONS = Counter("digits_predictions", "Digits by predicted label and acceptance", ["label", "accepted"])
CONFIDENCE = Histogram("digits_probability", "Probability of the predicted label", buckets=PROBABILITIES)
REFUSALS = Counter("digits_refusals", "Digits and pictures that got no accepted answer, by reason", ["reason"])
WAITING = Gauge("digits_waiting", "Pictures and calls that wait to be computed", multiprocess_mode="livesum")
MODEL = Gauge("digits_model_info", "The loaded model: 1", ["version", "sha256"], multiprocess_mode="livemax")
REGISTRY = Gauge("digits_registry_reachable", "Whether the registry answers", multiprocess_mode="livemin")


def set_model(version: str, sha256: str, former: tuple[str, str] | None) -> None:
    """Show this version as the loaded one, in place of the former one's version and SHA-256."""
    if former is not None:
        MODEL.labels(*former).set(0)
    MODEL.labels(version, sha256).set(1)


def count(predictions: Iterable[Prediction]) -> None:
    """Count the answers to pictures."""
    for one in predictions:
        if one.error is not None:
            REFUSALS.labels("unreadable").inc()
        elif one.label is None or one.probability is None:
            REFUSALS.labels("blank").inc()
        else:
            _count(one.label, one.probability, one.reason)


def count_page(page: Page) -> None:
    """Count the digits of a page."""
    for digit in page.digits:
        _count(digit.label, digit.probability, digit.reason)


def _count(label: int, probability: float, reason: str | None) -> None:
    PREDICTIONS.labels(label, str(reason is None).lower()).inc()
    CONFIDENCE.observe(probability)
    if reason is not None:
        REFUSALS.labels("no_digit" if reason.startswith(UNLIKE) else "improbable").inc()


def text() -> bytes:
    """All figures in Prometheus's text format."""
    if METRICS_FOLDER not in os.environ:
        return generate_latest(OWN)
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry)
    return generate_latest(registry)
