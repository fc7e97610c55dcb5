"""The sections of the stages that prepare the data: ingest, validate and preprocess."""

from typing import Annotated, Literal

from pydantic import Field, field_validator

from digits.params.expectations import Expectations
from digits.params.types import Fraction, Number, Section, Seed, Share


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
