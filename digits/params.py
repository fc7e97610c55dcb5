"""The keys, types and ranges of params.yaml."""

import difflib
import re
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from digits.errors import UserError


def _number(value: Any) -> Any:
    # YAML 1.1, which PyYAML reads, reads 1e-3 as a string; DVC reads YAML 1.2, where it is a number.
    if isinstance(value, str):
        try:
            return float(value)
        except ValueError:
            return value
    return value


# Keys of earlier versions, and their new names
RENAMED = {
    "validate.expectations.lowest_level": "validate.expectations.min_pixel_value",
    "validate.expectations.highest_level": "validate.expectations.max_pixel_value",
    "validate.expectations.looks_like_label": "validate.expectations.class_typical",
    "validate.expectations.no_copies": "validate.expectations.no_duplicates",
    "register.max_logit_difference": "train.max_logit_difference",
    "preprocess.validation_fraction": "ingest.validation_fraction",
    "preprocess.seed": "ingest.seed",
    "ingest.source": "ingest.sources, a list such as [folder]; leave ingest.source empty",
}

Number = Annotated[float, BeforeValidator(_number)]
Fraction = Annotated[float, Field(gt=0, lt=1), BeforeValidator(_number)]
Share = Annotated[float, Field(ge=0, le=1), BeforeValidator(_number)]
Seed = Annotated[int, Field(ge=0, lt=2**32)]
SMALLEST_JVM = 450  # MiB: Spark starts none that is smaller


def _memory(value: str) -> str:
    found = re.fullmatch(r"([1-9]\d*)([mg])", value)
    if found is None or int(found[1]) * (1024 if found[2] == "g" else 1) < SMALLEST_JVM:
        raise ValueError(f"{value!r} is no size such as 512m or 2g, of at least {SMALLEST_JVM}m")
    return value


def _master(value: str) -> str:
    if not re.fullmatch(r"local(\[(\*|[1-9]\d*)\])?|spark://.+", value):
        raise ValueError(f"{value!r} is no master: expected local[*], local[2] or an address such as spark://host:7077")
    return value


def _storage(value: str) -> str:
    if not re.fullmatch(r"(s3|file)://.*[^/]", value):
        raise ValueError(
            f"{value!r} is no storage: expected an address without a final /, such as s3://bucket/folder, or nothing"
        )
    return value


Memory = Annotated[str, AfterValidator(_memory)]


class Section(BaseModel):
    """One stage's parameters: no unknown key, none missing, no type but the declared one."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Ingest(Section):
    sources: list[Annotated[str, Field(min_length=1)]] = Field(min_length=1)
    source: None = Field(default=None, exclude=True)  # the former key: `dvc exp run -S` only sets keys that are there
    mirror: str = Field(min_length=1)
    mirror_timeout: Number = Field(gt=0, le=3600)
    parquet: str = Field(min_length=1)
    test_fraction: Fraction
    validation_fraction: Fraction
    near_duplicate_distance: Number = Field(ge=0, le=0.1)  # beyond, the search misses many pairs
    seed: Seed

    @field_validator("sources")
    @classmethod
    def distinct(cls, sources: list[str]) -> list[str]:
        if len(set(sources)) < len(sources):
            raise ValueError(f"{', '.join(sources)}: a source is listed twice")
        return sources


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
        return getattr(self, name).severity

    def limits(self, name: str) -> dict[str, float]:
        """Its `min` and `max`, those that it has."""
        return {key: value for key, value in getattr(self, name).model_dump().items() if key != "severity"}


class Validate(Section):
    on_bad_rows: Literal["fail", "quarantine"]
    max_quarantined: Fraction
    expectations: Expectations


class Preprocess(Section):
    non_digits: Share
    non_digits_per_kind: int = Field(ge=10, le=10_000)
    page_digits: Number = Field(ge=0, le=10)
    page_non_digits: Number = Field(ge=0, le=10)
    max_pages: int = Field(ge=1, le=100_000)
    drawing_seed: Seed


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


class Evaluate(Section):
    max_error_when_accepted: Fraction
    certificate_confidence: Number = Field(ge=0.5, lt=1)
    max_digits_refused: Fraction
    corrupted_digits: int = Field(ge=1)
    page_difficulties: list[Annotated[int, Field(ge=1, le=5)]] = Field(min_length=1)
    pages_per_difficulty: int = Field(ge=1, le=1000)
    worst_mistakes: int = Field(ge=1, le=100)


class Register(Section):
    min_accuracy: Share
    max_ece: Share
    min_coverage: Share
    min_auroc: Share
    max_corruption_error: Share
    min_font_accuracy: Share
    min_worst_slice: Share
    confidence: Number = Field(ge=0, lt=1)
    min_compared: int = Field(ge=2)


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
    """A version that answers beside the champion, unseen by users; none where `version` is null."""

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


class Range(Section):
    """The values that a search may try: between two bounds, on a linear or logarithmic scale, or some choices."""

    low: int | Number | None = None  # whole numbers where both are
    high: int | Number | None = None
    log: bool = False
    choices: list[int | float | str] | None = Field(default=None, min_length=1)

    @model_validator(mode="after")
    def bounds_or_choices(self) -> Self:
        if (self.low is None or self.high is None) == (self.choices is None):
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


class Spark(Section):
    """Where ingest, validate and preprocess run with `engine: spark`, and `digits predict --engine spark`."""

    master: Annotated[str, AfterValidator(_master)]
    storage: Annotated[str, AfterValidator(_storage)] | None
    pictures_per_shard: int = Field(ge=1)
    driver_memory: Memory
    executor_memory: Memory


class Params(Section):
    """All of params.yaml: the engine, one section per stage with parameters, the service, the search space, presets."""

    engine: Literal["pandas", "spark"]
    spark: Spark
    ingest: Ingest
    validate_: Validate = Field(alias="validate")  # `validate` itself is a method of every pydantic model
    preprocess: Preprocess
    train: Train
    evaluate: Evaluate
    register_: Register = Field(alias="register")
    serve: Serve
    tune: Tune
    presets: dict[str, dict[str, Any]]

    @model_validator(mode="after")
    def no_near_leak_by_construction(self) -> Self:
        distance, bound = self.ingest.near_duplicate_distance, self.validate_.expectations.no_near_leak
        if bound.severity == "critical" and bound.min > distance:
            raise ValueError(
                f"validate.expectations.no_near_leak.min = {bound.min:g} is above ingest.near_duplicate_distance = "
                f"{distance:g}, so that ingest may part pictures that validate refuses in two splits: raise the latter"
            )
        return self

    def flat(self) -> dict[str, Any]:
        """The parameters of every stage as `{'train.epochs': 12, ...}`."""
        return flatten(self.model_dump(by_alias=True, exclude={"engine", "spark", "presets", "serve", "tune"}))

    def preset(self, name: str) -> Train:
        """The train section as this preset changes it. Raises UserError where there is none, or a key is wrong."""
        if name not in self.presets:
            raise UserError(f"there is no preset {name!r}; params.yaml has {', '.join(self.presets)}")
        try:
            return Train.model_validate({**self.train.model_dump(), **self.presets[name]})
        except ValidationError as error:
            wrong = ({**one, "loc": ("train", *one["loc"])} for one in error.errors())
            raise UserError("\n".join(_format(f"presets.{name}", one) for one in wrong)) from None


def load(path: Path | str = "params.yaml") -> Params:
    """Read and check the whole file, so that a typo in a later stage's section stops the first one.

    Raises UserError naming each wrong key, the value found and what is allowed.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} does not exist: run from the project's root") from None
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {error}") from None
    if isinstance(content, dict):
        _check_renamed(path, content)
    try:
        params = Params.model_validate(content)
    except ValidationError as error:
        raise UserError("\n".join(_format(path, one) for one in error.errors())) from None
    for name in params.presets:
        params.preset(name)
    for name in params.tune.ranges.keys() - Train.model_fields.keys():
        raise UserError(
            f"{path}: tune.ranges.{name} is no parameter of train, which has {', '.join(Train.model_fields)}"
        )
    return params


def flatten(nested: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested sections as `{'train.epochs': 12, ...}`, the names that `dvc exp run -S` takes."""
    flat: dict[str, Any] = {}
    for key, value in nested.items():
        flat |= flatten(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
    return flat


def _format(path: Path | str, error: Any) -> str:
    """One of pydantic's errors in a line: the file, the key, what was found, and what is allowed."""
    key = ".".join(map(str, error["loc"])) or "the file"
    if error["type"] == "missing":
        return f"{path}: {key} is missing"
    if error["type"] == "value_error":
        return f"{path}: {key}: {error['ctx']['error']}" if error["loc"] else f"{path}: {error['ctx']['error']}"
    if error["type"] == "extra_forbidden":
        schema = Params.model_json_schema(by_alias=True)
        known = [key for section in (schema, *schema["$defs"].values()) for key in section.get("properties", ())]
        similar = difflib.get_close_matches(str(error["loc"][-1]), known, n=1)
        hint = f"; did you mean {similar[0]}?" if similar else ""
        return f"{path}: {key} = {error['input']!r} is an unknown key{hint}"
    return f"{path}: {key} = {error['input']!r} is wrong: {error['msg']}"


def _check_renamed(path: Path | str, content: dict[str, Any]) -> None:
    """Raise UserError naming every key that a params.yaml of an earlier version has, with its new name."""
    present = [key for key, value in flatten(content).items() if value is not None]
    renamed = [
        f"{old} is now {new}" for old, new in RENAMED.items() if any(f"{key}.".startswith(f"{old}.") for key in present)
    ]
    if renamed:
        raise UserError(f"{path} is of an earlier version: {'; '.join(renamed)}. See Upgrading in CHANGELOG.md")
