"""The request and the response of feedback, as OpenAPI describes them."""

from typing import Literal

from pydantic import BaseModel, Field

from digits.serving.middleware import REQUEST_ID
from digits.serving.schemas import Options


class FeedbackOptions(Options):
    label: Literal["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "none"] | None = Field(
        None, description="What the picture shows; `none` is no digit. Without it only that the answer is wrong"
    )
    consent: bool = Field(
        False, description="Must be true: whoever sends the picture agrees that it is kept, and may be learned from"
    )
    answer: str | None = Field(
        None,
        pattern=f"^{REQUEST_ID.pattern}$",
        description="`X-Request-ID` of the answer that is corrected: the picture can be deleted by it, too",
    )


class FeedbackBody(FeedbackOptions):
    image: str = Field(description="A picture of one digit in base64, or a data URL")


class FeedbackResponse(BaseModel):
    request_id: str = Field(description="By which the picture can be deleted: `digits feedback forget`")
    sha256: str = Field(description="Of the picture's pixels as they are kept, by which it can be deleted, too")
    duplicate: bool = Field(description="Whether the picture is known already: then only the suggestion is added")
    kept_until: str | None = Field(
        description="The day on which it is removed unless a person labels it before; null where one has",
        examples=["2027-02-28"],
    )
