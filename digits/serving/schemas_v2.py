"""The requests and responses of the Open Inference Protocol, with the extension for binary tensors.

https://kserve.github.io/website/docs/concepts/architecture/data-plane/v2-protocol
https://docs.nvidia.com/deeplearning/triton-inference-server/user-guide/docs/protocol/extension_binary_data.html
Other parameters of a request are ignored: clients of other servers send their own.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

Pixel = Annotated[float, Field(ge=0, le=255, allow_inf_nan=False)]
# The first wrong value is enough: the errors of all of them would fill the memory
Flat = Annotated[list[Pixel], Field(fail_fast=True)]
Picture = Annotated[list[Flat], Field(fail_fast=True)]
Nested = Annotated[list[Picture], Field(fail_fast=True)]


def _refuse(value: Any) -> None:
    if value is not None:
        raise PydanticCustomError("unsupported", "this server does not support it")


Unsupported = Annotated[None, BeforeValidator(_refuse)]


class Strict(BaseModel):
    model_config = ConfigDict(strict=True)


class SharedMemory(Strict):
    """Of an extension that is not supported: ignored, it would change the meaning of a request."""

    shared_memory_region: Unsupported = None
    shared_memory_byte_size: Unsupported = None
    shared_memory_offset: Unsupported = None


class InputParameters(SharedMemory):
    binary_data_size: int | None = Field(default=None, ge=0, description="Bytes of this tensor behind the JSON")


class RequestInput(Strict):
    name: Literal["images"]
    shape: list[int] = Field(description="[n, 28, 28]: n canonical digits", examples=[[1, 28, 28]])
    datatype: Literal["UINT8"]
    parameters: InputParameters = Field(default_factory=InputParameters)
    data: Flat | Nested | None = Field(
        default=None,
        union_mode="left_to_right",
        description="Whole numbers 0 to 255, light ink on 0, row by row: flat, or nested as the shape",
    )


class OutputParameters(SharedMemory):
    binary_data: bool | None = Field(default=None, description="Return this tensor behind the JSON")
    classification: Unsupported = None


class RequestOutput(Strict):
    name: str = Field(examples=["probabilities"])
    parameters: OutputParameters = Field(default_factory=OutputParameters)


class RequestParameters(Strict):
    binary_data_output: bool = Field(default=False, description="Return all tensors behind the JSON")
    min_probability: float = Field(default=0.0, ge=0, le=1, description="Accept nothing that is less probable")


class InferRequest(Strict):
    id: str | None = Field(default=None, description="Returned as it is")
    parameters: RequestParameters = Field(default_factory=RequestParameters)
    inputs: list[RequestInput] = Field(min_length=1, max_length=1)
    outputs: list[RequestOutput] | None = Field(
        default=None, max_length=4, description="The outputs to return; all of them by default"
    )


class ResponseOutput(BaseModel):
    name: str
    datatype: Literal["FP32", "BOOL"]
    shape: list[int]
    parameters: dict[str, int] | None = Field(default=None, description="`binary_data_size`: bytes behind the JSON")
    data: list[float | bool] | None = Field(default=None, description="Row by row")


class InferResponse(BaseModel):
    model_config = ConfigDict(protected_namespaces=())
    id: str | None = None
    model_name: str
    model_version: str = Field(description="The version that answered")
    outputs: list[ResponseOutput]


class TensorMetadata(BaseModel):
    name: str
    datatype: str
    shape: list[int] = Field(description="-1: any number of digits")


class ModelMetadata(BaseModel):
    name: str
    versions: list[str] = Field(description="The version that is served")
    platform: str
    inputs: list[TensorMetadata]
    outputs: list[TensorMetadata]


class ServerMetadata(BaseModel):
    name: str
    version: str
    extensions: list[str]


class Live(BaseModel):
    live: bool


class Ready(BaseModel):
    ready: bool


class ModelReady(Ready):
    name: str


class ErrorResponse(BaseModel):
    error: str


def infer_request() -> Any:
    """The JSON schema of `InferRequest` without references, which would be to another place of the OpenAPI document."""
    schema = InferRequest.model_json_schema()
    return _inlined(schema, schema.pop("$defs"))


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, list):
        return [_inlined(one, definitions) for one in node]
    if not isinstance(node, dict):
        return node
    own = {key: _inlined(value, definitions) for key, value in node.items() if key != "$ref"}
    if "$ref" not in node:
        return own
    return {**_inlined(definitions[node["$ref"].rpartition("/")[2]], definitions), **own}
