"""All of params.yaml, read and checked at once; each wrong key is named."""

import difflib
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import Field, ValidationError, model_validator

from digits.errors import UserError
from digits.params.data import Ingest, Preprocess, Validate
from digits.params.evaluation import Evaluate, Register
from digits.params.service import Serve
from digits.params.spark import Spark
from digits.params.training import Train, Tune
from digits.params.types import Section

# What changes no model: a run does not have it
OF_NO_RUN = {"engine", "spark", "serve", "tune", "presets"}
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
        return flatten(self.model_dump(by_alias=True, exclude=OF_NO_RUN))

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
        raise UserError(f"{path} is of an earlier version: {'; '.join(renamed)}. See docs/how-to/upgrade.md")
