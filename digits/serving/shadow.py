"""The challenger in the shadow: it answers a share of the pictures again, after the user has the champion's answer."""

import logging
import random
import time
from collections.abc import Sequence
from functools import partial

import numpy as np

from digits.feedback import stored_pictures
from digits.prediction.batches import DecodedBatch, Prediction, classify
from digits.prediction.shadow_log import ModelPrediction, Pair, ShadowLog, ShadowPredictions
from digits.serving import local_copy, metrics
from digits.serving.local_copy import CHALLENGER
from digits.serving.observing import Background, Observation
from digits.serving.service import ServedModel
from digits.serving.settings import Settings

log = logging.getLogger("digits.serving")


class Shadow:
    """An observer: samples on the event loop, and compares in the background thread, which also loads the challenger.

    Whatever fails is logged once, until something else fails or the challenger answers again.
    """

    def __init__(self, settings: Settings, background: Background) -> None:
        self._folder, self._share = settings.folder, settings.limits.challenger.share
        self._version = str(settings.limits.challenger.version)
        self._background = background
        self._log = ShadowLog(settings.folder)
        self._model: ServedModel | None = None
        self._problem: str | None = None

    def __call__(self, model: ServedModel, observations: Sequence[Observation]) -> None:
        """Choose from what has a digit, and hand it over."""
        chosen = [one for one in observations if one.prediction.label is not None and random.random() < self._share]
        if chosen:
            self._background.submit(partial(self._compare, model, chosen), [one.picture for one in chosen])

    def _compare(self, model: ServedModel, observations: list[Observation]) -> None:
        start = time.perf_counter()
        try:
            challenger = self._challenger()
            if challenger is None or challenger.sha256 == model.sha256:
                return
            pair = Pair(model.version, model.sha256, challenger.version, challenger.sha256)
            predictions = _predict(challenger, observations)
            self._log.add(pair, predictions)
        except Exception as error:  # of the challenger, the disk or the database: the next picture is tried again
            self._report(f"{type(error).__name__}: {error}")
            self._log.close()
            return
        self._problem = None
        for one in predictions:
            metrics.SHADOW.labels(_agreement(one.champion, one.challenger)).inc()
        metrics.SHADOW_SECONDS.observe(time.perf_counter() - start)

    def _challenger(self) -> ServedModel | None:
        """The challenger of the local copy, loaded anew where that changed; None where there is none."""
        copy = local_copy.read(self._folder, CHALLENGER)
        if copy is None or copy.description["version"] != self._version:
            return None
        if self._model is None or self._model.copy != copy:
            self._model = ServedModel(copy)
            log.info("the challenger is loaded", extra={"version": self._model.version})
        return self._model

    def _report(self, problem: str) -> None:
        if problem != self._problem:
            log.error("the challenger does not answer: %s", problem, extra={"version": self._version})
        self._problem = problem


def _predict(challenger: ServedModel, observations: list[Observation]) -> list[ShadowPredictions]:
    """What the challenger predicts of the pictures of one request, with what the champion predicted."""
    digits = np.stack([one.digit for one in observations])
    batch = DecodedBatch([""] * len(digits), digits, {}, {})
    found = classify(batch, lambda: challenger.classifier, observations[0].min_probability)
    now = int(time.time())
    return [
        ShadowPredictions(
            now, one.request_id, stored_pictures.identity(one.picture), _of(one.prediction), _of(prediction)
        )
        for one, prediction in zip(observations, found, strict=True)
    ]


def _of(prediction: Prediction) -> ModelPrediction:
    assert prediction.label is not None and prediction.probability is not None
    return ModelPrediction(prediction.label, prediction.probability, bool(prediction.accepted))


def _agreement(champion: ModelPrediction, challenger: ModelPrediction) -> str:
    if champion.label != challenger.label:
        return metrics.OTHER_LABEL
    return metrics.SAME if champion.accepted == challenger.accepted else metrics.OTHER_ACCEPTANCE
