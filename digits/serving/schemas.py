"""The responses of API v1, as OpenAPI describes them."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class ModelName(BaseModel):
    version: str = Field(description="The version in the registry", examples=["3"])
    sha256: str = Field(description="SHA-256 of its ONNX file")


class DigitPrediction(BaseModel):
    name: str | None = Field(description="The uploaded file's name", examples=["seven.png"])
    label: int | None = Field(
        ge=0, le=9, description="The most probable digit; null for a picture that is blank or can't be read"
    )
    probability: float | None = Field(ge=0, le=1, description="That it is this digit, if it is one")
    probabilities: list[float] | None = Field(description="Those of the digits 0 to 9; they sum to 1")
    accepted: bool = Field(description="Whether to rely on the label: false where the model refuses to answer")
    reason: str | None = Field(description="Why it is refused", examples=["probability 64.8% is below 88.6%"])
    error: str | None = Field(description="Why the picture can't be read")
    canonical: str | None = Field(description="With `canonical`: what the model sees, a PNG of 28 x 28 in base64")


class PredictResponse(BaseModel):
    model: ModelName
    predictions: list[DigitPrediction] = Field(description="One for each picture, in the order they were sent")


class PageDigit(BaseModel):
    box: tuple[int, int, int, int] = Field(
        description="left, top, right, bottom in pixels of the upright picture", examples=[[31, 12, 58, 60]]
    )
    label: int = Field(ge=0, le=9)
    probability: float = Field(ge=0, le=1)
    accepted: bool = Field(description="Whether to rely on the label")
    reason: str | None = Field(description="Why it is refused")
    line: int | None = Field(
        description="Index in `lines`, of a grid the row; null where the line has no accepted digit"
    )
    position: int | None = Field(description="Index in the line, of a grid the column")


class ReadResponse(BaseModel):
    model: ModelName
    width: int = Field(description="Of the upright picture, in pixels")
    height: int
    digits: list[PageDigit] = Field(description="In reading order")
    lines: list[str] = Field(description="A line's digits; ? is one that is too improbable", examples=[["3415 78"]])
    grid: list[list[int | None]] | None = Field(
        description="Of a grid the cells: labels, null where empty. A refused digit has its best guess here, and is ? "
        "in `lines`. Null where no grid was found or asked for"
    )
    annotated: str | None = Field(
        description="With `annotated`: the picture with boxes, a PNG in base64, enlarged or reduced to be looked at"
    )


class Certificate(BaseModel):
    state: str = Field(description="`valid`, `none`, or `withdrawn: ` and why")
    text: str = Field(description="What is certified of accepted answers")
    error: float | None = Field(description="At most this share of the accepted answers is wrong")
    confidence: float | None
    digits: int | None = Field(description="How many digits it was certified on")


class AcceptanceBounds(BaseModel):
    min_probability: float
    max_score: float | None = Field(
        description="Of the outlier score, which is higher for what is less like a digit; null without a bound"
    )


class Refused(BaseModel):
    version: str
    reason: str


class ChallengerState(BaseModel):
    version: str
    error: str | None = Field(description="Why it does not answer")


class RegistryState(BaseModel):
    reachable: bool
    checked: str | None = Field(description="When it was asked last", examples=["2026-11-29T22:30:00Z"])
    error: str | None
    refused: Refused | None = Field(description="The champion of the registry that this server does not load")
    challenger: ChallengerState | None = Field(
        None, description="A version whose answers users don't see; only where params.yaml names one"
    )


class FeedbackState(BaseModel):
    enabled: bool = Field(description="Whether `POST /v1/feedback` takes corrections")
    keep_days: int = Field(description="For so many days a picture is kept that nobody has labelled")
    max_side: int = Field(description="A picture has at most so many pixels on a side")


class ModelResponse(ModelName):
    name: str
    figures: dict[str, float] = Field(
        description="On the test split: accuracy, log loss, calibration error (ece), share accepted (coverage), and "
        "more; `corruption_error_mean` is on damaged pictures, `auroc_worst` how well what is no digit is told from one"
    )
    acceptance: AcceptanceBounds | None
    certificate: Certificate
    lineage: dict[str, str] = Field(description="Run, commit and hashes of the data")
    registry: RegistryState
    feedback: FeedbackState


class ProblemResponse(BaseModel):
    """RFC 9457."""

    type: str = Field(examples=["about:blank"])
    title: str
    status: int
    detail: str = Field(description="What was found, what was expected, and how to fix it")


class Readiness(BaseModel):
    status: Literal["ready", "not ready"]
    version: str | None
    known_digit: str | None = Field(description="How a drawn 7 is read")
    reason: str | None
    registry: RegistryState


class Options(BaseModel):
    """Options of a request, in its query or its JSON."""

    model_config = ConfigDict(extra="forbid")


class AnswerOptions(Options):
    min_probability: float = Field(
        0.0, ge=0, le=1, description="Refuse what is less probable, too: a value below the model's changes nothing"
    )


class PredictOptions(AnswerOptions):
    canonical: bool = Field(False, description="Return the canonical digits, too")
    draft: bool = Field(
        False, description="The drawing is not finished: it is answered, but left out of the statistics of drift"
    )


class PredictBody(PredictOptions):
    image: str | None = Field(None, description="A picture in base64, or a data URL")
    images: list[str] | None = Field(None, description="Several, in place of `image`")


class ReadOptions(AnswerOptions):
    layout: Literal["page", "line", "grid"] | None = Field(
        None, description="Lines in reading order, one line, or a ruled grid. By default page, with `grid` grid"
    )
    grid: str | None = Field(None, examples=["9x9"], description="Rows x columns of a grid")
    annotated: bool = Field(False, description="Return the picture with boxes, too")


class ReadBody(ReadOptions):
    image: str = Field(description="A picture in base64, or a data URL")


def request(options: type[Options], body: type[Options], many: bool) -> dict[str, Any]:
    """OpenAPI's description of a request with pictures: an upload with options in the query, or JSON with both."""
    file = {"type": "string", "format": "binary"}
    upload = {"type": "array", "items": file, "minItems": 1} if many else file
    form = {"type": "object", "required": ["file"], "properties": {"file": upload}}
    content = {
        "multipart/form-data": {"schema": form},
        "application/json": {"schema": body.model_json_schema()},
    }
    return {
        "parameters": [_parameter(name, schema) for name, schema in options.model_json_schema()["properties"].items()],
        "requestBody": {"required": True, "content": content},
    }


def _parameter(name: str, schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter of the query; its description is where Swagger UI shows it."""
    return {"in": "query", "name": name, "description": schema.pop("description"), "schema": schema}
