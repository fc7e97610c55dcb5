"""The section serve: the limits of the service, and its parts feedback, drift and challenger."""

from typing import Self

from pydantic import Field, model_validator

from digits.params.types import Number, Section, Share


class Feedback(Section):
    """What the service keeps of corrections that people send; nothing where `keep_days` is 0."""

    keep_days: int = Field(ge=0, le=3650)
    per_minute: int = Field(ge=1)
    per_day: int = Field(ge=1)
    max_waiting: int = Field(ge=1)
    max_side: int = Field(ge=28, le=10_000)


class ServedDrift(Section):
    """How the drift of served pictures and answers is measured."""

    window_hours: int = Field(ge=1, le=24 * 90)
    min_pictures: int = Field(ge=1)
    max: Number = Field(gt=0)
    pictures_per_second: int = Field(ge=0)
    keep_days: int = Field(ge=1, le=3650)


class Challenger(Section):
    """A version that answers what the champion answers, unseen by users; none where `version` is null."""

    version: int | None = Field(default=None, ge=1)
    share: Share


class Serve(Section):
    """The limits of the service, each for one server process, and what it keeps of requests."""

    max_body_mib: int = Field(ge=1, le=1024)
    max_bodies_mib: int = Field(ge=1)
    head_seconds: Number = Field(gt=0, le=3600)
    body_seconds: Number = Field(gt=0, le=3600)
    max_connections: int = Field(ge=1)
    max_pictures: int = Field(ge=1, le=10_000)
    max_pixels: int = Field(ge=10_000)
    max_side: int = Field(ge=1_000)
    max_digits: int = Field(ge=1)
    read_seconds: Number = Field(gt=0, le=3600)
    max_waiting: int = Field(ge=1)
    max_waiting_pages: int = Field(ge=1)
    poll_seconds: Number = Field(gt=0, le=3)  # a new champion answers within 5 s
    drain_seconds: int = Field(ge=1, le=3600)
    feedback: Feedback
    drift: ServedDrift
    challenger: Challenger

    @model_validator(mode="after")
    def room_for_one(self) -> Self:
        if self.max_bodies_mib < self.max_body_mib:
            raise ValueError(
                "serve.max_bodies_mib is below serve.max_body_mib: the largest request would always be refused"
            )
        return self
