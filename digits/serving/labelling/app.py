"""The application of `digits label`: the queue's pictures, and people's decisions, for a page in a browser."""

from pathlib import Path
from typing import Any, NamedTuple

import orjson
from fastapi import APIRouter, FastAPI, Request, Response
from pydantic import BaseModel, ConfigDict

from digits.data.pictures import decode_canonical_batch, encode_png
from digits.errors import UserError
from digits.feedback import labelling
from digits.feedback.items import Item
from digits.feedback.labelling import Selection
from digits.feedback.queue import DecidedError, Queue
from digits.params import Serve
from digits.serving import page, problems
from digits.serving.middleware import RequestMiddleware
from digits.serving.problems import ProblemError
from digits.serving.settings import Settings
from digits.sqlite_files import BusyError, FullError

FOLDER = Path(__file__).with_name("page")
NOT_SHOWN = ("request_ids", "received", "decided")  # of an item
PRIVATE = {"Cache-Control": "no-store"}  # what is forgotten stays in no browser's cache
router = APIRouter(prefix="/queue")


class Decision(BaseModel):
    """A label, "0" to "9", "drop" or null, and the state and the label of the picture that the page shows."""

    model_config = ConfigDict(extra="forbid")

    label: str | None
    shown_state: str
    shown_label: str | None


class Labeller(NamedTuple):
    """Whose decisions the page writes into which queue; which pictures are listed."""

    queue: Queue
    who: str
    only: Selection | None

    def decide(self, sha256: str, decision: Decision) -> Item:
        """Write a decision. Raises a ProblemError: 404 for an unknown picture, 409 where it has changed meanwhile."""
        shown = decision.shown_state, decision.shown_label
        try:
            return self.queue.decide(sha256, decision.label, self.who, expected=shown)
        except KeyError:
            raise ProblemError(404, "the queue does not have this picture any more: somebody has deleted it") from None
        except DecidedError as error:
            raise _decided(error.item) from None
        except BusyError as error:
            raise ProblemError(503, f"{error}; this decision is not written") from None
        except UserError as error:  # it has been added to the data
            raise ProblemError(409, str(error)) from None
        except FullError:
            raise ProblemError(507, "the disk is full: this decision is not written, all earlier ones are") from None
        except ValueError as error:
            raise ProblemError(422, str(error)) from None


def create_app(queue: Queue, who: str, only: Selection | None, limits: Serve) -> FastAPI:
    """The labelling page for `who`, on all waiting pictures of the queue or a selection; for this machine alone."""
    app = FastAPI(
        title="Digits: labelling",
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.labeller = Labeller(queue, who, only)
    app.include_router(router)
    app.mount("/shared", page.PageFiles(directory=page.FOLDER))  # the style of the service's page
    page.mount(app, FOLDER)
    problems.install(app)
    app.add_middleware(RequestMiddleware, settings=Settings(Path(), limits))
    return app


@router.get("")
def list_waiting(request: Request) -> Response:
    """The waiting pictures, least certain first, and who labels them."""
    labeller = _labeller(request)
    items = labelling.waiting(labeller.queue, labeller.only)
    return _json({"who": labeller.who, "items": [_shown(item) for item in items]})


@router.get("/progress")
def progress(request: Request) -> Response:
    """How many pictures of the queue are labelled, dropped and waiting, as a sentence."""
    return _json({"text": labelling.format_progress(_labeller(request).queue)})


@router.get("/{sha256}")
def read_item(request: Request, sha256: str) -> Response:
    """A picture as the queue has it now."""
    item = _labeller(request).queue.get(sha256)
    if item is None:
        raise ProblemError(404, "the queue does not have this picture")
    return _json(_shown(item))


@router.post("/{sha256}")
def decide(request: Request, sha256: str, decision: Decision) -> Response:
    """Label a picture, drop it, or take the decision back."""
    return _json(_shown(_labeller(request).decide(sha256, decision)))


@router.get("/{sha256}/picture.png")
def picture(request: Request, sha256: str) -> Response:
    """The picture as it was sent, grey."""
    return _png(_read_picture(request, sha256))


@router.get("/{sha256}/canonical.png")
def canonical(request: Request, sha256: str) -> Response:
    """The canonical digit, 28 x 28; black where the picture has no ink."""
    return _png(encode_png(decode_canonical_batch([_read_picture(request, sha256)])[0]))


def _labeller(request: Request) -> Labeller:
    labeller: Labeller = request.app.state.labeller
    return labeller


def _read_picture(request: Request, sha256: str) -> bytes:
    try:
        return _labeller(request).queue.picture(sha256)
    except KeyError:
        raise ProblemError(404, "the queue does not have this picture") from None


def _shown(item: Item) -> dict[str, Any]:
    """What the page shows of a picture."""
    return {name: value for name, value in item._asdict().items() if name not in NOT_SHOWN}


def _decided(item: Item) -> ProblemError:
    now = f"{item.label} by {item.who}" if item.label else "it waits again"
    return ProblemError(409, f"somebody has decided meanwhile: {now}; this decision is not written")


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), media_type="application/json", headers=PRIVATE)


def _png(data: bytes) -> Response:
    return Response(data, media_type="image/png", headers=PRIVATE)
