"""The sections evaluate and register: what a model accepts, and what it must reach to become champion."""

from typing import Annotated

from pydantic import Field

from digits.params.types import Fraction, Number, Section, Share


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
