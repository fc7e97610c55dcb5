"""Counting what is served: every answer, and image statistics of a sample of the pictures. No picture is kept."""

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from digits.errors import UserError
from digits.reading import Page
from digits.serving import metrics
from digits.serving.drift import reference as drift_reference
from digits.serving.drift.counts import Bin, TrafficStore
from digits.serving.drift.reference import (
    ACCEPTED,
    BLANK,
    LABEL,
    OUTCOME,
    PAGE_PREFIX,
    PROBABILITY,
    REFUSED,
    UNREADABLE,
)
from digits.serving.observing import Background, Observation
from digits.serving.service import ServedModel
from digits.serving.settings import Settings
from digits.serving.sizes import declared_pixels

FLUSH_SECONDS = 5  # between two writes
MAX_BYTES, MAX_PIXELS = 8 << 20, 8_000_000  # of the sampled pictures between two writes, but for the first
log = logging.getLogger("digits.serving")


class _Sampled(NamedTuple):
    sha256: str
    picture: bytes


class Traffic:
    """An observer of `Service`. The event loop counts in memory and keeps a few pictures until the next write."""

    def __init__(self, settings: Settings, background: Background) -> None:
        self._background, self._folder = background, settings.folder
        self._per_second = settings.limits.drift.pictures_per_second
        self._store = TrafficStore(settings.folder)
        self._counts: Counter[Bin] = Counter()
        self._sample: list[_Sampled] = []
        self._second, self._left = 0, 0
        self._bytes = self._pixels = 0
        self._problem = ""

    def __call__(self, model: ServedModel, observations: Sequence[Observation]) -> None:
        """Count the answers, and sample of the pictures."""
        for one in observations:
            self._count(model, one)
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._left = second, self._per_second
        for one in observations[: self._left]:
            if one.prediction.error is None and one.digit.any():
                self._take(_Sampled(model.sha256, one.picture))

    def count_page(self, model: ServedModel, page: Page, min_probability: float) -> None:
        """Count the digits of a page, apart from single digits; `min_probability` is what the request demands."""
        for digit in page.digits:
            accepted = _accepted(model, digit.reason is None, min_probability)
            self._add(model.sha256, digit.label, digit.probability, accepted, PAGE_PREFIX)

    async def run(self) -> None:
        """Write again and again, until this is cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            try:
                self.flush()
            except Exception:  # of a thread that can't be started, for example: the counts wait for the next time
                log.exception("what is served can't be counted")

    def flush(self) -> None:
        """Have the counts and the sample written in the background thread.

        Where it has no time, the counts wait for the next call, and the sample is dropped.
        """
        counts, sample = self._counts, self._take_sample()
        if not counts and not sample:
            return
        write = partial(self._write, counts, sample, time.time())
        if self._background.submit(write, [one.picture for one in sample]):
            self._counts = Counter()

    async def close(self) -> None:
        """Write what is left, in a thread that nothing else waits in."""
        counts, self._counts = self._counts, Counter()
        if counts:
            await asyncio.to_thread(self._write, counts, self._take_sample(), time.time())

    def _take_sample(self) -> list[_Sampled]:
        sample, self._sample = self._sample, []
        self._bytes = self._pixels = 0
        return sample

    def _count(self, model: ServedModel, one: Observation) -> None:
        found = one.prediction
        if found.label is None or found.probability is None:
            self._counts[Bin(model.sha256, OUTCOME, BLANK if found.error is None else UNREADABLE)] += 1
        else:
            accepted = _accepted(model, bool(found.accepted), one.min_probability)
            self._add(model.sha256, found.label, found.probability, accepted)

    def _add(self, sha256: str, label: int, probability: float, accepted: bool | None, kind: str = "") -> None:
        self._counts[Bin(sha256, kind + LABEL, str(label))] += 1
        self._counts[Bin(sha256, kind + PROBABILITY, str(drift_reference.probability_bin(probability)))] += 1
        if accepted is not None:
            self._counts[Bin(sha256, kind + OUTCOME, ACCEPTED if accepted else REFUSED)] += 1

    def _take(self, one: _Sampled) -> None:
        """Keep a picture until the next write. One that is too large ends the sample: none is chosen by its size."""
        self._left -= 1
        pixels = declared_pixels(one.picture) or MAX_PIXELS
        self._bytes += len(one.picture)
        self._pixels += pixels
        if self._sample and (self._bytes > MAX_BYTES or self._pixels > MAX_PIXELS):
            metrics.DROPPED.inc()
            return
        self._sample.append(one)

    def _write(self, counts: Counter[Bin], sample: list[_Sampled], now: float) -> None:
        """Of a thread. What fails is logged once: a full disk, for example, must not fill the log."""
        problem = ""
        try:
            counts = counts + self._image_counts(sample)
        except Exception as error:  # of a reference that somebody altered: the answers are counted all the same
            problem = f"image statistics can't be computed: {error!r}"
        try:
            self._store.add(counts, now)
        except (UserError, OSError) as error:
            problem = f"what is served can't be counted: {error}"
        if problem and problem != self._problem:
            log.warning(problem)
        self._problem = problem

    def _image_counts(self, sample: list[_Sampled]) -> Counter[Bin]:
        """How many of the pictures are in each bin of the reference of the version that answered."""
        counts: Counter[Bin] = Counter()
        for sha256 in {one.sha256 for one in sample}:
            reference = drift_reference.read(self._folder, sha256)
            if reference is not None and reference["pictures"]:
                own = [one.picture for one in sample if one.sha256 == sha256]
                counts += _image_counts(sha256, own, reference["pictures"])
        return counts


def _accepted(model: ServedModel, accepted: bool, min_probability: float) -> bool | None:
    """Whether the model accepts it; None where the request demands more than the model, whose refusals are compared."""
    return accepted if min_probability <= model.min_probability else None


def _image_counts(sha256: str, pictures: list[bytes], histograms: dict[str, Any]) -> Counter[Bin]:
    from digits.data.statistics import compute_statistics  # here: a server process needs no pandas for its answers
    from digits.validation.distributions import histogram

    table = compute_statistics(pictures)
    counts: Counter[Bin] = Counter()
    for name, known in histograms.items():
        found = histogram(table[name], known["edges"]).tolist()
        counts.update({Bin(sha256, name, str(place)): count for place, count in enumerate(found) if count})
    return counts
