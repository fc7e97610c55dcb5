"""The sections train and tune: the network and its training, and the search for better values of them."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from digits.params.types import Fraction, Number, Section, Seed, Share

Convolution = Annotated[list[Annotated[int, Field(ge=1, le=4096)]], Field(min_length=3, max_length=3)]


class Train(Section):
    backend: Literal["tensorflow", "jax"]
    convolutions: list[Convolution] = Field(min_length=1, max_length=20)
    epochs: int = Field(ge=1, le=10_000)
    batch_size: int = Field(ge=1, le=65_536)
    learning_rate: Number = Field(gt=0, le=1)
    adam_learning_rate: Number = Field(gt=0, le=1)
    momentum: Number = Field(ge=0, lt=1)
    warmup: Fraction
    weight_decay: Number = Field(ge=0, lt=1)
    label_smoothing: Number = Field(ge=0, lt=1)
    rotation: Number = Field(ge=0, le=180)
    zoom: Number = Field(ge=0, lt=1)
    shear: Number = Field(ge=0, le=80)
    shift: Number = Field(ge=0, le=14)
    elastic: Number = Field(ge=0, le=14)
    stroke_width: Share
    brightness: Number = Field(ge=0, lt=1)
    contrast: Number = Field(ge=0, le=2)
    blur: Share
    occlusion: Number = Field(ge=0, le=14)
    lines: Share
    precision: Literal["float32", "mixed_bfloat16", "mixed_float16"]
    steps_per_execution: int = Field(ge=1, le=1000)
    devices: int = Field(ge=1, le=64)
    processes: int = Field(ge=1, le=64)
    threads: int = Field(ge=1, le=1024)
    max_memory_mib: Number = Field(gt=0)
    max_logit_difference: Number = Field(gt=0, le=1)
    seed: Seed

    @model_validator(mode="after")
    def convolutions_fit_into_a_digit(self) -> Self:
        side = 28
        for number, (_, size, stride) in enumerate(self.convolutions, start=1):
            if size > side:
                raise ValueError(f"convolution {number} is of size {size}, but {side} x {side} are left of the digit")
            side = (side - size) // stride + 1
        return self

    @model_validator(mode="after")
    def a_share_for_each_device(self) -> Self:
        if self.processes > 1 and self.backend != "jax":
            raise ValueError(
                f"processes = {self.processes} needs backend = jax, not {self.backend}: change one of the two"
            )
        if self.batch_size % (self.devices * self.processes):
            shares = f"devices = {self.devices}"
            if self.processes > 1:
                shares += f" x processes = {self.processes}"
            raise ValueError(f"batch_size = {self.batch_size} is not a multiple of {shares}")
        return self


class Range(Section):
    """The values that a search may try: between two bounds, on a linear or logarithmic scale, or some choices."""

    low: int | Number | None = None  # whole numbers where both are
    high: int | Number | None = None
    log: bool = False
    choices: list[int | float | str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def bounds_or_choices(self) -> Self:
        given = [value is not None for value in (self.low, self.high, self.choices)]
        if given not in ([True, True, False], [False, False, True]):
            raise ValueError("either low and high, or choices")
        if self.low is not None and self.high is not None and not self.low < self.high:
            raise ValueError(f"low = {self.low} is not below high = {self.high}")
        if self.log and not (self.low is not None and self.low > 0):
            raise ValueError("log needs a low above 0")
        return self


class Tune(Section):
    metric: Literal["val_loss", "val_accuracy"]
    seed: Seed
    ranges: dict[str, Range] = Field(min_length=1)
