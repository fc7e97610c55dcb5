"""The test split that a registered version was measured on, from DVC's cache: today's data may lack its pictures."""

from typing import NamedTuple

import numpy as np

from digits.data import dataset
from digits.data.dataset import Digits
from digits.files import digest
from digits.tracking import tags
from digits.tracking.registry import Version
from digits.vcs import dvc_files


class HeldOut(NamedTuple):
    """n digits, the (n,) str names of their sources, and the (n,) 'S64' hashes of their pictures."""

    digits: Digits
    sources: np.ndarray
    hashes: np.ndarray


def of_version(version: Version) -> HeldOut | None:
    """The test split of a version that has the tag `sources`; None where the cache lacks it, or has an altered file."""
    md5 = version.tags[tags.TEST_SPLIT]
    path = dvc_files.cached_file(md5)
    if path is None or digest(path, "md5") != md5:
        return None
    return HeldOut(dataset.read_digits(path), dataset.read_sources(path), dataset.read_hashes(path))


def source_names(version: Version) -> set[str]:
    """The sources of the data that a version was trained and measured on."""
    return set(version.tags[tags.SOURCES].split(", "))
