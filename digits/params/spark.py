"""The section spark: the cluster or machine that runs the first stages, its memory, and where shards lie."""

import re
from typing import Annotated

from pydantic import AfterValidator, Field

from digits.params.types import Section

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


class Spark(Section):
    """Where ingest, validate and preprocess run with `engine: spark`, and `digits predict --engine spark`."""

    master: Annotated[str, AfterValidator(_master)]
    storage: Annotated[str, AfterValidator(_storage)] | None
    pictures_per_shard: int = Field(ge=1)
    driver_memory: Memory
    executor_memory: Memory
