"""Names of runs."""

import pytest

from digits.tracking.naming import LONGEST, name

BASE = {
    "train.learning_rate": 0.02,
    "train.epochs": 14,
    "train.seed": 0,
    "preprocess.seed": 0,
    "ingest.sources": ["mnist-5k"],
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "baseline"),
        ({"train.learning_rate": 0.003, "train.epochs": 20}, "lr=0.003 epochs=20"),
        ({"train.seed": 1, "preprocess.seed": 2}, "seed=1 preprocess.seed=2"),
        ({"ingest.sources": ["mnist", "folder"]}, 'ingest.sources=["mnist","folder"]'),
        ({"train.convolutions": [[4, 5, 2], [8, 3, 1]]}, "convolutions=[[4,5,2],[8,3,1]]"),
        ({"train.learning_rate": 0.0312866475521}, "lr=0.03129"),
        ({"train.learning_rate": 0.02, "train.epochs": 14.0}, "baseline"),
    ],
)
def test_a_name_is_the_parameters_that_differ(changes, expected):
    assert name({**BASE, **changes}, BASE) == expected


def test_a_name_is_at_most_120_characters_long():
    params = {f"validate.expectations.some.bound{number}": number for number in range(50)}
    found = name(params, {})
    assert len(found) == LONGEST
    assert found.endswith("…")
