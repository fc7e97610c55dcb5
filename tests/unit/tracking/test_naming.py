"""What a run is called."""

import pytest

from digits.tracking.naming import LONGEST, name

BASE = {
    "train.learning_rate": 0.02,
    "train.epochs": 14,
    "train.seed": 0,
    "preprocess.seed": 0,
    "ingest.source": "mnist-5k",
}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, "baseline"),
        ({"train.learning_rate": 0.003, "train.epochs": 20}, "lr=0.003 epochs=20"),
        ({"train.seed": 1, "preprocess.seed": 2}, "seed=1 preprocess.seed=2"),
        ({"ingest.source": "mnist"}, "ingest.source=mnist"),
        ({"train.convolutions": [[4, 5, 2], [8, 3, 1]]}, "convolutions=[[4,5,2],[8,3,1]]"),
        ({"train.learning_rate": 0.0312866475521}, "lr=0.03129"),
        ({"train.learning_rate": 0.02, "train.epochs": 14.0}, "baseline"),
    ],
)
def test_it_says_what_differs(changes, expected):
    assert name({**BASE, **changes}, BASE) == expected


def test_it_stays_readable_however_much_differs():
    params = {f"validate.expectations.some.bound{number}": number for number in range(50)}
    said = name(params, {})
    assert len(said) == LONGEST
    assert said.endswith("…")
