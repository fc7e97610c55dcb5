"""What a network is trained on: the tables, whether memory holds them, and the parameters that matter."""

from typing import Any

from digits.data import shards
from digits.params import Train
from digits.paths import NON_DIGITS, PAGE_CUTS, PROCESSED

TABLES = [PROCESSED / "train.parquet", NON_DIGITS, PAGE_CUTS]
VALIDATION = PROCESSED / "validation.parquet"
BYTES_IN_MEMORY = 2500  # of a picture, with what belongs to it (measured: 1,900)
NO_EFFECT = {"max_logit_difference", "max_memory_mib"}  # on the weights, where nothing is streamed


def fits_in_memory(params: Train) -> bool:
    """Whether a process holds all tables in `train.max_memory_mib`; else they are streamed."""
    # A missing one is reported by who reads it
    rows = sum(shards.count_rows(table) for table in (*TABLES, VALIDATION) if table.exists())
    return rows * BYTES_IN_MEMORY <= params.max_memory_mib * 2**20


def settings(params: Train) -> dict[str, Any]:
    """The parameters that determine the result of a training on the tables here, by name."""
    known = params.model_dump(exclude=NO_EFFECT)
    return known if fits_in_memory(params) else {**known, "max_memory_mib": params.max_memory_mib}
