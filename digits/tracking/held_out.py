"""The test split that a registered version was measured on, from DVC's cache: today's data may lack its pictures."""

from typing import NamedTuple

import numpy as np

from digits import paths
from digits.data import dataset, past_tables, processed_tables
from digits.data.dataset import Digits
from digits.tracking import tags
from digits.tracking.registry import Version


class HeldOut(NamedTuple):
    """n digits, the (n,) str names of their sources, and the (n,) 'S64' hashes of their pictures."""

    digits: Digits
    sources: np.ndarray
    hashes: np.ndarray


def of_version(version: Version) -> HeldOut | None:
    """The test split of a version that has the tag `sources`; None where the cache lacks it, or has an altered file."""
    md5s = version.tags[tags.TEST_SPLIT], version.tags[tags.TRAIN_SPLIT]
    table = past_tables.in_cache(paths.PROCESSED / "test.parquet", *md5s)
    if table is None or not past_tables.is_unaltered(table):
        return None
    return HeldOut(processed_tables.read_digits(table), dataset.read_sources(table), dataset.read_hashes(table))


def source_names(version: Version) -> set[str]:
    """The sources of the data that a version was trained and measured on."""
    return set(version.tags[tags.SOURCES].split(", "))
