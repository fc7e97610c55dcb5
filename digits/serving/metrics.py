"""What Prometheus reads. With PROMETHEUS_MULTIPROC_DIR set, the figures of all server processes add up."""

import os
from collections.abc import Iterable
from math import nan
from pathlib import Path
from typing import Any, Literal

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest, multiprocess
from prometheus_client.registry import REGISTRY as OWN

from digits.model.classifier import UNLIKE
from digits.prediction.batches import Prediction
from digits.reading import Page
from digits.serving.drift.reference import PROBABILITIES
from digits.serving.settings import METRICS_FOLDER

_drift_names: set[str] = set()  # that have a value, or had one of a former version
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("digits_requests", "Requests by route and HTTP status", ["route", "status"])
LATENCY = Histogram("digits_request_seconds", "Time from a request to its response", ["route"], buckets=SECONDS)
PREDICTIONS = Counter("digits_predictions", "Digits by predicted label and acceptance", ["label", "accepted"])
CONFIDENCE = Histogram("digits_probability", "Probability of the predicted label", buckets=PROBABILITIES)
REFUSALS = Counter("digits_refusals", "Digits and pictures that got no accepted answer, by reason", ["reason"])
DROPPED = Counter("digits_observations_dropped", "Pictures that observers had no time for")
AGREEMENTS = SAME, OTHER_LABEL, OTHER_ACCEPTANCE = ("same", "label", "acceptance")
SHADOW = Counter("digits_shadow", "Digits that the challenger answered, by agreement with the champion", ["agreement"])
SHADOW_SECONDS = Histogram("digits_shadow_seconds", "Time of the challenger for a request", buckets=SECONDS)
WAITING = Gauge("digits_waiting", "Pictures and calls that wait to be computed", multiprocess_mode="livesum")
MODEL = Gauge("digits_model_info", "The loaded model: 1", ["version", "sha256"], multiprocess_mode="livemax")
FEEDBACK_RESULTS = NEW, DUPLICATE, RATE_LIMITED, QUEUE_FULL, DISK_FULL = (
    "new",
    "duplicate",
    "rate_limited",
    "queue_full",
    "disk_full",
)
FEEDBACK = Counter("digits_feedback", f"Feedback by result: {', '.join(FEEDBACK_RESULTS)}", ["result"])
for counter, values in ((FEEDBACK, FEEDBACK_RESULTS), (SHADOW, AGREEMENTS)):
    for value in values:
        counter.labels(value)  # from 0 on: Prometheus sees no increase where a series begins with 1
FEEDBACK_WAITING = Gauge(
    "digits_feedback_waiting", "Pictures of feedback that wait for a label", multiprocess_mode="mostrecent"
)
REGISTRY = Gauge("digits_registry_reachable", "Whether the registry answers", multiprocess_mode="livemin")

# One value comes out of all processes, the one that was set last: each tells what the supervising process has measured
_MOST_RECENT: Literal["livemostrecent"] = "livemostrecent"
DRIFT = Gauge("digits_drift", "Stability index of what is served", ["statistic"], multiprocess_mode=_MOST_RECENT)
DRIFT_BOUND = Gauge("digits_drift_bound", "Above it the index is drift", ["statistic"], multiprocess_mode=_MOST_RECENT)
DRIFT_PICTURES = Gauge(
    "digits_drift_pictures", "Pictures that were answered in the window", multiprocess_mode=_MOST_RECENT
)
REFUSED = Gauge(
    "digits_served_refused_share", "Share of the served digits that is refused", multiprocess_mode=_MOST_RECENT
)
EXPECTED = Gauge("digits_reference_refused_share", "The same of the test digits", multiprocess_mode=_MOST_RECENT)
CERTIFICATE = Gauge("digits_certificate_valid", "Whether the certificate is valid", multiprocess_mode=_MOST_RECENT)


def set_drift(measured: dict[str, Any] | None, is_valid: bool) -> None:
    """Show what was measured of the loaded version, and whether its certificate is valid; NaN is not measured."""
    nothing = dict.fromkeys(_drift_names)
    found = measured or {"index": {}, "bound": {}, "answered": 0, "refused_share": None}
    for gauge, values in ((DRIFT, found["index"]), (DRIFT_BOUND, found["bound"])):
        for name, value in {**nothing, **values}.items():
            gauge.labels(name).set(nan if value is None else value)
    _drift_names.update(found["index"])
    DRIFT_PICTURES.set(found["answered"])
    for gauge, value in ((REFUSED, found["refused_share"]), (EXPECTED, found.get("reference_refused_share"))):
        gauge.set(nan if value is None else value)
    CERTIFICATE.set(is_valid)


def reserve() -> None:
    """Take the space of this process's files on the disk now, where it is shared with other processes.

    They are mapped into memory with holes: the system kills a process that writes into one while the disk is full.
    """
    if METRICS_FOLDER not in os.environ or not hasattr(os, "posix_fallocate"):  # which macOS lacks
        return
    for path in Path(os.environ[METRICS_FOLDER]).glob(f"*_{os.getpid()}.db"):
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)


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
