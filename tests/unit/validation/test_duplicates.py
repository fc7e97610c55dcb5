"""Duplicates, and leaks between the splits, on tables made by hand and on real digits."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from digits.data import pictures
from digits.data.statistics import compute_statistics
from digits.validation.duplicates import also_in_split, duplicate_of, near_duplicate_of
from tests.unit.validation.conftest import MAX_DISTANCE, table


def test_duplicate_of_names_the_first_which_has_no_finding():
    rows = [{"picture": "a"}, {"picture": "b"}, {"picture": "a"}, {"picture": "a", "split": "test"}, {"picture": "a"}]
    found = duplicate_of(table(*rows, {"split": "test"})).dropna().to_dict()
    assert found == {2: "duplicate of picture 0", 4: "duplicate of picture 0"}


@pytest.mark.parametrize(
    ("splits", "expected"),
    [
        (("train", "test"), {0: "also picture 1"}),
        (("test", "train"), {1: "also picture 0"}),
        (("train", "validation"), {0: "also picture 1"}),
        (("validation", "test"), {0: "also picture 1"}),
        (("train", "validation", "test"), {0: "also picture 2", 1: "also picture 2"}),
        (("train", "train"), {}),
    ],
)
def test_a_leak_is_found_between_every_pair_of_splits(splits, expected):
    same = table(*({"split": split, "picture": "a"} for split in splits), {"split": "test"})
    assert also_in_split(same).dropna().to_dict() == expected
    thumbnails = (bytes([200 - n, 200, *[0] * 194]) for n in range(3))
    near = table(
        *({"split": split, "thumbnail": one} for split, one in zip(splits, thumbnails, strict=False)), {"split": "test"}
    )
    words = {row: message.replace("also", "nearly the same as") for row, message in expected.items()}
    assert near_duplicate_of(near, MAX_DISTANCE).dropna().to_dict() == words


def test_which_pictures_leak_does_not_depend_on_the_order_of_the_rows(real):
    random = np.random.default_rng(0)
    loose = 0.2  # so that there are many
    split = random.choice(["train", "validation", "test"], len(real))
    before = near_duplicate_of(real.assign(split=split), loose).notna()
    assert 10 < before.sum() < 2000
    order = random.permutation(len(real))
    after = near_duplicate_of(real.assign(split=split).iloc[order].reset_index(drop=True), loose).notna()
    assert np.array_equal(after, before[order])


def test_also_in_split_names_the_training_pictures():
    rows = [{"picture": "a"}, {"picture": "a", "split": "test"}, {"picture": "b"}, {"picture": "a"}]
    found = also_in_split(table(*rows, {"split": "test"})).dropna().to_dict()
    assert found == {0: "also picture 1", 3: "also picture 1"}


def jpeg(image: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("change", "at_least"),
    [
        (lambda image: pictures.encode_png(image // 2), 1),
        (lambda image: pictures.encode_png(255 - image), 1),
        (lambda image: pictures.encode_png(np.pad(image, ((9, 3), (4, 20)))), 0.96),  # thin strokes are widened
        (lambda image: pictures.encode_png(np.kron(image, np.ones((2, 2), np.uint8))), 0.9),
        (jpeg, 0.9),
    ],
    ids=["dimmed", "inverted", "padded", "enlarged", "as a JPEG"],
)
def test_near_duplicate_of_finds_changed_test_pictures(real, mnist_digits, change, at_least):
    originals = np.arange(0, 5000, 25)
    changed = compute_statistics([change(mnist_digits.images[row]) for row in originals])
    changed = changed.assign(split="train", label=mnist_digits.labels[originals], path="x.png", name="changed")
    both = pd.concat([real, changed], ignore_index=True)
    assert also_in_split(both).isna().all()
    found = near_duplicate_of(both, MAX_DISTANCE)
    assert found[:5000].isna().all()
    expected = np.array([f"nearly the same as real {row}.png" for row in originals])
    messages = found[5000:].fillna("").to_numpy()
    assert set(messages) <= {*expected, ""}
    assert (messages == expected).mean() >= at_least


def test_near_duplicates_depend_on_the_distance():
    def thumbnail(*values: int) -> bytes:
        return bytes([*values, *[0] * (196 - len(values))])

    # (20, 21) / 29 and (21, 20) / 29 are sqrt(2) / 29 = 0.0488 apart; (105, 100) has the direction of (21, 20).
    rows = table(
        {"thumbnail": thumbnail(20, 21)},
        {"thumbnail": thumbnail(21, 20), "split": "test"},
        {"thumbnail": thumbnail(105, 100)},
        {"thumbnail": None},
    )
    words = "nearly the same as picture 1"
    assert near_duplicate_of(rows, 0.01).dropna().to_dict() == {2: words}
    assert near_duplicate_of(rows, 0.048).dropna().to_dict() == {2: words}
    assert near_duplicate_of(rows, 0.049).dropna().to_dict() == {0: words, 2: words}


def test_every_one_of_many_similar_pictures_is_found(real):
    random = np.random.default_rng(0)
    thumbnail = np.frombuffer(real["thumbnail"][17], np.uint8).astype(int)
    rows = [
        {
            "thumbnail": np.clip(thumbnail + random.integers(-1, 2, 196), 0, 255).astype(np.uint8).tobytes(),
            "split": "test" if number % 5 == 0 else "train",
        }
        for number in range(2000)
    ]
    similar = table(*rows)
    assert near_duplicate_of(similar, MAX_DISTANCE).notna().equals(similar["split"] != "test")


def test_every_duplicate_of_a_near_duplicate_is_named(real):
    thumbnail = np.frombuffer(real["thumbnail"][17], np.uint8)
    dimmed = (thumbnail * 0.9).astype(np.uint8).tobytes()
    rows = [{"thumbnail": thumbnail.tobytes(), "picture": "same"}] * 3 + [{"thumbnail": dimmed, "split": "test"}]
    assert near_duplicate_of(table(*rows), MAX_DISTANCE).notna().tolist() == [True, True, True, False]
