"""The bound and the severity of each expectation: the part `expectations` of the section validate."""

from typing import Literal, Self

from pydantic import Field, model_validator

from digits.params.types import Number, Section


class Fact(Section):
    """An expectation without a bound. `critical` stops the pipeline; `warning` is only reported."""

    severity: Literal["critical", "warning"]


class AtLeast(Fact):
    min: Number


class Distance(Fact):
    min: Number = Field(ge=0)


class AtMost(Fact):
    max: Number


class Between(Fact):
    min: Number
    max: Number

    @model_validator(mode="after")
    def bounds_in_order(self) -> Self:
        if self.min > self.max:
            raise ValueError(f"min = {self.min:g} is above max = {self.max:g}")
        return self


class Expectations(Section):
    """The bound and severity of each expectation that digits/validation/suite.py lists."""

    pictures: AtLeast
    readable: Fact
    mode: Fact
    frames: AtMost
    file_name: Fact
    width: Between
    height: Between
    aspect: AtMost
    min_pixel_value: AtLeast
    max_pixel_value: AtMost
    contrast: AtLeast
    ink_colour: AtMost
    ink: Between
    centre_x: Between
    centre_y: Between
    extent: AtLeast
    stroke: Between
    border_changes: AtMost
    sharpness: AtLeast
    parts: AtMost
    largest_part: AtLeast
    second_digit: AtMost
    label: Fact
    every_digit: Fact
    balance: AtMost
    one_label: Fact
    class_typical: AtMost
    corrections_apply: Fact
    corrected_share: AtMost
    digits_in_splits: Fact
    no_duplicates: Fact
    no_leak: Fact
    no_near_leak: Distance
    drift: AtMost

    def severity(self, name: str) -> str:
        severity: str = getattr(self, name).severity
        return severity

    def limits(self, name: str) -> dict[str, float]:
        """Its `min` and `max`, those that it has."""
        return {key: value for key, value in getattr(self, name).model_dump().items() if key != "severity"}
