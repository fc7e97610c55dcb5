"""The model that answers: loaded from the local copy, checked, and replaced as a whole when the copy changes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Sequence
from functools import cache
from typing import Any, NamedTuple, TypeVar

import numpy as np

from digits.data.pictures import encode_png
from digits.errors import UserError
from digits.model.classifier import Classifier
from digits.prediction.batches import Prediction, classify, decode_batch
from digits.prediction.inputs import PictureInput
from digits.reading import Page
from digits.serving import local_copy, metrics
from digits.serving.batching import Batcher, BoundedThread
from digits.serving.drift import watch
from digits.serving.observing import Background, Observation, Observer, PageObserver
from digits.serving.problems import overloaded
from digits.serving.settings import Settings
from digits.serving.sizes import declared_pixels, png_sides

POLL_SECONDS = 0.3  # between two looks at the local copy
# Computed on the event loop: a request with so few pictures, of so many bytes and pixels on a side at most
TINY_COUNT, TINY_BYTES, TINY_SIDE = 4, 4 << 10, 32
# Bytes and declared pixels of all pictures of a request that waits for no larger one: 4 million take some 20 ms
SMALL, SMALL_PIXELS = 64 << 10, 4_000_000
WAIT_SECONDS = 10  # that a page may wait before it is read
TOLERANCE = 1e-3  # of a probability, between two answers to the same digit

Result = TypeVar("Result")
log = logging.getLogger("digits.serving")


class PredictedPicture(NamedTuple):
    """What is predicted for a picture, and its canonical digit, (28, 28) uint8: zeros where it has none."""

    prediction: Prediction
    digit: np.ndarray


class ServedModel:
    """One version, loaded. Raises UserError for a file that is damaged or doesn't answer like a classifier.

    `description` is what `GET /v1/model` answers, without the state of the registry.
    """

    def __init__(self, copy: local_copy.LocalCopy) -> None:
        self.copy = copy
        self.version, self.sha256 = str(copy.description["version"]), str(copy.description["sha256"])
        if not copy.is_intact():
            raise UserError(f"the local copy of version {self.version} is damaged")
        self.classifier = Classifier(copy.onnx_file, threads=1)  # the other core is for HTTP
        accepted = self.classifier.acceptance
        bounds = accepted and {"min_probability": accepted.min_probability, "max_score": accepted.max_score}
        self.min_probability = accepted.min_probability if accepted else 0.0  # that it accepts
        self.description = {**copy.description, "acceptance": bounds}
        self._known = _known_digit(self)

    def check(self) -> str:
        """Ask for the known digit; returns the predicted label. Raises UserError where the answer isn't as at first."""
        probabilities = _known_digit(self)
        if not np.allclose(probabilities, self._known, atol=TOLERANCE):
            raise UserError(f"version {self.version} answers differently to the same digit")
        return str(int(probabilities.argmax()))


@cache
def _seven() -> bytes:
    """A drawn 7, dark on light, as a PNG."""
    rows, columns = np.mgrid[:140, :140]
    bar = (rows >= 30) & (rows < 42) & (columns >= 40) & (columns < 104)
    stem = (rows >= 36) & (rows < 110) & (np.abs(columns - 98 + 0.45 * (rows - 36)) < 7)
    return encode_png(np.where(bar | stem, 0, 255).astype(np.uint8))


def _known_digit(model: ServedModel) -> np.ndarray:
    """The probabilities of a known digit, (10,). Raises UserError where they are none."""
    try:
        ((prediction, _),) = predict_pictures((model, 0.0), [_seven()])
    except Exception as error:  # ONNX Runtime's exceptions have no base class of their own
        raise UserError(f"version {model.version} fails on a known digit: {error}") from None
    probabilities = np.array(prediction.probabilities, float)
    if probabilities.shape != (10,) or not np.isfinite(probabilities).all() or abs(probabilities.sum() - 1) > 1e-3:
        raise UserError(f"version {model.version} answers a known digit with {prediction.probabilities}")
    return probabilities


def predict_pictures(key: tuple[ServedModel, float], pictures: list[bytes]) -> list[PredictedPicture]:
    """What a model predicts, with a least probability, for encoded pictures."""
    model, min_probability = key
    batch = decode_batch([PictureInput("", picture) for picture in pictures])
    found = classify(batch, lambda: model.classifier, min_probability)
    return [PredictedPicture(*one) for one in zip(found, batch.digits, strict=True)]


class Service:
    """The model of now, and what computes with it: the event loop for tiny pictures, and two threads."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.registry = local_copy.read_registry_state(settings.folder)
        self._model: ServedModel | None = None
        self._drift: tuple[ServedModel | None, dict[str, Any] | None] | None = None  # of which model, and what
        self._checked: ServedModel | None = None  # which model `_check` checks
        self._check: asyncio.Task[str] | None = None
        self._failed: local_copy.LocalCopy | None = None  # the copy that could not be loaded
        limits = settings.limits
        self._tiny: Batcher[bytes, PredictedPicture] = Batcher(predict_pictures)
        self._quick = BoundedThread("quick", limits.max_waiting)
        self._slow = BoundedThread("slow", limits.max_waiting_pages)
        self.background = Background()
        self.observers: list[Observer] = []
        self.page_observers: list[PageObserver] = []
        self._problem = ""  # of the last refresh

    @property
    def model(self) -> ServedModel:
        """The model that answers now. Raises a ProblemError, 503, where there is none yet."""
        copy = local_copy.read(self.settings.folder) if self._model is None else None
        if copy is not None and copy != self._failed:
            # At once: another process has perhaps said already that the service is ready
            self._replace_model(self._load(copy))
        if self._model is None:
            raise overloaded(f"no model is loaded yet: {self.registry['error'] or 'it is being fetched'}")
        return self._model

    async def run(self, function: Callable[..., Result], *arguments: Any, pictures: int = 1) -> Result:
        """Compute with so many digits: what takes milliseconds. Raises a ProblemError, 503, where too many wait."""
        return await self._quick.run(function, *arguments, pictures=pictures)

    async def run_slow(self, function: Callable[..., Result], *arguments: Any) -> Result:
        """Compute with a page, which ends by itself after `read_seconds`. Raises a ProblemError, 503, as `run`."""
        return await self._in_time(self._slow.run(function, *arguments), WAIT_SECONDS)

    async def predict(
        self, model: ServedModel, pictures: list[bytes], min_probability: float
    ) -> list[PredictedPicture]:
        """What the model predicts for encoded pictures of one digit each."""
        key = model, min_probability
        if len(pictures) <= TINY_COUNT and all(map(_is_tiny, pictures)):
            return await self._tiny.submit(key, pictures)
        if _are_small(pictures):
            return await self._quick.run(predict_pictures, key, pictures, pictures=len(pictures))
        found = await self._in_time(self._slow.run_each(predict_pictures, [(key, [picture]) for picture in pictures]))
        return [one for (one,) in found]

    def observe(
        self,
        model: ServedModel,
        request_id: str,
        pictures: Sequence[bytes],
        predicted: Sequence[PredictedPicture],
        min_probability: float = 0.0,
    ) -> None:
        """Tell the observers what was answered. It does not raise: the answer is sent whatever they do."""
        if not self.observers:
            return
        pairs = zip(pictures, predicted, strict=True)
        observations = [Observation(request_id, picture, *answer, min_probability) for picture, answer in pairs]
        _tell(request_id, self.observers, model, observations)

    def observe_page(self, model: ServedModel, request_id: str, page: Page, min_probability: float) -> None:
        """Tell the observers of pages what was read. It does not raise, as `observe`."""
        _tell(request_id, self.page_observers, model, page, min_probability)

    async def _in_time(self, computed: Awaitable[Result], more: float = 0) -> Result:
        seconds = self.settings.limits.read_seconds + more
        try:
            async with asyncio.timeout(seconds):
                return await computed
        except TimeoutError:
            raise overloaded(
                f"the pictures were not computed within {seconds:g} s: send fewer or smaller ones"
            ) from None

    async def check(self, model: ServedModel) -> str:
        """As `ServedModel.check`, in another thread: an overloaded service is ready all the same.

        Who asks while a check of this model runs gets its result.
        """
        if self._check is None or self._check.done() or self._checked is not model:
            self._checked, self._check = model, asyncio.create_task(asyncio.to_thread(model.check))
        return await asyncio.shield(self._check)

    @property
    def waiting(self) -> int:
        """Calls that wait to be computed, or are."""
        return self._tiny.waiting + self._quick.waiting + self._slow.waiting

    async def follow(self) -> None:
        """Load what the local copy has, again and again, until this is cancelled."""
        while True:
            await self.refresh()
            await asyncio.sleep(POLL_SECONDS)

    async def refresh(self) -> None:
        """Load what the local copy has, if it changed; after an error the model stays, and the next look tries again.

        A model is replaced as a whole: a request that has begun keeps its own. It does not raise.
        """
        problem = ""
        try:
            await self._refresh()
        except Exception as error:  # of the metrics' files, or a file that somebody altered
            problem = repr(error)
            if problem != self._problem:
                log.error("the local copy can't be followed: %s", problem)
        self._problem = problem

    async def _refresh(self) -> None:
        self.registry = local_copy.read_registry_state(self.settings.folder)
        metrics.REGISTRY.set(self.registry["reachable"])
        copy = local_copy.read(self.settings.folder)
        if copy is not None and (self._model is None or copy != self._model.copy):
            self._replace_model(await asyncio.get_running_loop().run_in_executor(None, self._load, copy))
        self._show_drift()
        metrics.WAITING.set(self.waiting)

    @property
    def certificate(self) -> dict[str, Any]:
        """The certificate of the model that answers: withdrawn, whatever the registry says, while its answers drift."""
        _, measured = self._drift or (None, None)
        return watch.describe_certificate(self.model.description["certificate"], measured)

    def _show_drift(self) -> None:
        """Show what the supervising process has measured of the model, if that changed."""
        model = self._model
        measured = watch.read(self.settings.folder, model.sha256) if model else None
        if (model, measured) != self._drift:
            self._drift = model, measured
            metrics.set_drift(measured, model is not None and self.certificate["state"] == "valid")

    def _load(self, copy: local_copy.LocalCopy) -> ServedModel | None:
        """The model of a copy; None where it can't be loaded, which is logged once."""
        try:
            return ServedModel(copy)
        except Exception as error:  # whatever a file on a disk can do: raised here, it would end the following
            if copy != self._failed:
                log.error("the local copy can't be loaded: %s", error)
            self._failed = copy
            return None

    def _replace_model(self, model: ServedModel | None) -> None:
        if model is not None:
            former = (self._model.version, self._model.sha256) if self._model else None
            self._model = model
            metrics.set_model(model.version, model.sha256, former)
            log.info("the model is loaded", extra={"version": model.version})

    def close(self) -> None:
        """End the threads."""
        self._quick.close()
        self._slow.close()
        self.background.close()


def _tell(request_id: str, observers: Iterable[Callable[..., None]], *arguments: Any) -> None:
    for observer in observers:
        try:
            observer(*arguments)
        except Exception:
            log.exception("answers could not be observed", extra={"request_id": request_id})


def _is_tiny(picture: bytes) -> bool:
    """Whether it is a small PNG, by its bytes and by what it declares."""
    sides = png_sides(picture) if len(picture) <= TINY_BYTES else None
    return sides is not None and max(sides) <= TINY_SIDE


def _are_small(pictures: list[bytes]) -> bool:
    """Whether all together take little time."""
    if sum(map(len, pictures)) > SMALL:
        return False
    pixels = [declared_pixels(picture) for picture in pictures]
    return None not in pixels and sum(filter(None, pixels)) <= SMALL_PIXELS
