"""Groups of near duplicates and splits on Spark, against those of the same pictures on pandas."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from digits.data import near_duplicates
from digits.data import splits as splits_on_pandas
from digits.data.splits import DROPPED, TEST, TRAIN, UNPUBLISHED
from digits.params import load
from tests.imports import ROOT
from tests.unit.data.test_near_duplicates import noisy, partition, thumbnails

DISTANCE = 0.06
PARAMS = load(ROOT / "params.yaml").ingest
FINGERPRINT_COLUMNS = "portion int, row long, digest binary, thumbnail binary, published byte"


@pytest.fixture(scope="module")
def fingerprints(mnist_digits) -> pd.DataFrame:
    """Fingerprints of near copies, a chain, equal pictures, blank ones, and many in one bucket."""
    of = thumbnails(mnist_digits.images[::100])
    chain = np.zeros((8, 196), np.uint8)
    chain[:, 0], chain[:, 1] = 150 - 5 * np.arange(8), 150 + 5 * np.arange(8)
    alike = noisy(of[7:8], near_duplicates.LARGE_BUCKET + 300, strongest=9, seed=1)
    parts = [noisy(of, 4, strongest=14), chain, of[:20], of[:20], np.zeros((6, 196), np.uint8), alike]
    every = np.concatenate(parts)
    random = np.random.default_rng(2)
    every = every[random.permutation(len(every))]
    blank = ~every.any(axis=1)
    names = [
        one.tobytes() if not empty else b"%d" % (row % 3)
        for row, (one, empty) in enumerate(zip(every, blank, strict=True))
    ]
    rows = np.arange(len(every))
    return pd.DataFrame(
        {
            "portion": (rows // 300).astype(np.int32),
            "row": rows % 300,
            "digest": [hashlib.sha256(name).digest() for name in names],
            "thumbnail": [one.tobytes() for one in every],
            "published": random.choice([UNPUBLISHED, TRAIN, TEST], len(every), p=[0.8, 0.15, 0.05]).astype(np.int8),
        }
    )


def on_pandas(fingerprints: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Digests and groups."""
    digests = np.array(fingerprints["digest"].tolist(), "S32")
    vectors = np.frombuffer(b"".join(fingerprints["thumbnail"]), np.uint8).reshape(-1, 196)
    return digests, near_duplicates.join_equal(near_duplicates.group(vectors, DISTANCE), digests)


def test_groups_and_splits_are_those_of_pandas_in_any_order(spark, fingerprints):
    from digits.spark import groups, splits

    shuffled = spark.createDataFrame(fingerprints.sample(frac=1, random_state=3), FINGERPRINT_COLUMNS).repartition(3)
    grouped = groups.group(spark, shuffled, DISTANCE)
    found = grouped.orderBy("portion", "row").toPandas()
    digests, expected = on_pandas(fingerprints)
    sizes = np.unique(expected, return_counts=True)[1]
    assert (sizes > 100).any()
    assert (sizes == 1).sum() > 20
    assert partition(found["group"].to_numpy()) == partition(expected)
    number = (found["portion"].to_numpy().astype(int) << 40) + found["row"].to_numpy()
    assert np.array_equal(found["group"], pd.Series(number).groupby(found["group"]).transform("min"))

    assigned = splits.assign(grouped, PARAMS).orderBy("portion", "row").toPandas()
    assert assigned[["portion", "row"]].equals(fingerprints[["portion", "row"]])
    published = fingerprints["published"].to_numpy()
    split = splits_on_pandas.assign(digests, published, expected, PARAMS)
    assert np.array_equal(assigned["split"], split)
    assert (split == DROPPED).sum() > 50
    tests = np.flatnonzero(published == TEST)
    first = dict(zip(expected[tests][::-1].tolist(), tests[::-1].tolist(), strict=True))
    twins = np.array([first[group] for group in expected[split == DROPPED].tolist()])
    dropped = assigned[split == DROPPED]
    assert np.array_equal(dropped["twin_portion"] * 300 + dropped["twin_row"], twins)
    assert assigned[split != DROPPED][["twin_portion", "twin_row"]].isna().all(axis=None)
