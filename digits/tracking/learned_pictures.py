"""The pictures that a model was trained on, by the hashes of their pixels: logged with its run, and read from there."""

import hashlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from digits import paths
from digits.data import dataset, past_tables
from digits.data.shards import ParquetSource
from digits.errors import UserError
from digits.tracking import record, runs, tags
from digits.tracking.registry import Version

FOLDER, NAME = "data", record.TRAIN_PICTURES.name  # in the run


def content_hash(hashes: np.ndarray) -> str:
    """SHA-256 of the sorted hashes: the same pictures in any order and any file have the same one."""
    return hashlib.sha256(np.sort(hashes).tobytes()).hexdigest()


def write(hashes: np.ndarray, folder: Path) -> Path:
    """Write the hashes of pictures, sorted, to a file in `folder`; returns its path."""
    path = folder / NAME
    values = [bytes.fromhex(one.decode()) for one in np.sort(hashes)]
    pq.write_table(pa.table({"sha256": pa.array(values, pa.binary(32))}), path)
    return path


def of_version(version: Version) -> np.ndarray | None:
    """The hashes, as `dataset.read_hashes` gives them, of a version's training pictures; None if unknown.

    They are read from its run, or from the training split in DVC's cache, and checked against the version's tag.
    """
    if tags.PICTURES not in version.tags:
        return None  # version 0.2 or earlier registered it
    found = _read(runs.artifact_path(version.run_id, f"{FOLDER}/{NAME}"), version)
    if found is None:
        found = _read(past_tables.in_cache(paths.PROCESSED / "train.parquet", version.tags[tags.TRAIN_SPLIT]), version)
    return found


def _read(table: Path | list[ParquetSource] | None, version: Version) -> np.ndarray | None:
    try:
        hashes = None if table is None else dataset.read_hashes(table)
    except (OSError, pa.ArrowException, UserError):
        return None  # a damaged file is as good as none
    return hashes if hashes is not None and content_hash(hashes) == version.tags[tags.PICTURES] else None
