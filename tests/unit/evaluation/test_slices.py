"""Slices: the planted failure is the worst, the groups are those of the pictures, and no digit is lost."""

import json
import math

import numpy as np
import pandas as pd
import pytest

from benchmarks import mnist
from digits import paths
from digits.data import conversion, dataset, processed_tables, raw_tables, statistics
from digits.errors import UserError
from digits.evaluation import slices
from pipeline import preprocess
from tests.raw import raw


@pytest.fixture(scope="module")
def groups(mnist_digits):
    """Of 5,000 digits of two sources, some small, some large, some faint."""
    count = np.arange(len(mnist_digits.labels))
    sources = np.where(count % 3, "mnist-5k", "folder")
    extent, contrast = np.array([0.2, 0.7, 0.7, 1])[count % 4], np.array([90, 200, 255, 255, 255])[count % 5]
    return slices.group(mnist_digits.images, mnist_digits.labels, sources, extent, contrast)


def table(groups: dict[str, list[str]], right: list[bool]) -> pd.DataFrame:
    return slices.score(pd.DataFrame(groups, dtype="category"), np.array(right))


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("class", "7"),
        ("source", "folder"),
        ("stroke", "thin"),
        ("slant", "leaning left"),
        ("size", "large"),
        ("contrast", "faint"),
    ],
)
def test_a_group_whose_digits_are_all_misread_is_the_worst(groups, name, group):
    misread = (groups[name] == group).to_numpy()
    worst = slices.worst(slices.score(groups, ~misread))
    assert (worst["slice"], worst["group"], worst["accuracy"], worst["pictures"]) == (name, group, 0.0, misread.sum())
    assert misread.sum() >= 50


def test_each_slice_has_every_digit_once(groups, mnist_digits):
    found = slices.score(groups, np.ones(5000, bool))
    assert found.groupby("slice")["pictures"].sum().to_dict() == dict.fromkeys(groups, 5000)
    assert found.loc[found["slice"] == "class", "pictures"].tolist() == [500] * 10
    assert found.loc[found["slice"] == "size", ["group", "pictures"]].to_numpy().tolist() == [
        ["small", 1250],
        ["usual", 2500],
        ["large", 1250],
    ]
    assert (found["accuracy"] == 1).all()


def test_accuracy_and_interval_of_a_group():
    found = table({"size": ["usual"] * 10 + ["small"] * 2}, [True] * 8 + [False] * 2 + [True, False])
    assert found[["group", "pictures", "accuracy"]].to_numpy().tolist() == [["small", 2, 0.5], ["usual", 10, 0.8]]
    usual, z, n, share = found.iloc[1], 1.959964, 10, 0.8  # Wilson 1927
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2)) / (1 + z**2 / n)
    assert usual["accuracy_low"] == pytest.approx(middle - half, abs=1e-6)
    assert usual["accuracy_high"] == pytest.approx(middle + half, abs=1e-6)


def test_a_group_of_few_pictures_is_the_worst_only_where_all_have_few():
    source = ["many"] * 60 + ["few"] * 10
    assert slices.worst(table({"source": source}, [True] * 59 + [False] * 11))["group"] == "many"
    assert slices.worst(table({"source": source[50:]}, [True] * 10 + [False] * 10))["group"] == "few"


def test_of_equal_accuracies_the_one_of_more_pictures_is_the_worst():
    assert slices.worst(table({"source": ["a"] * 60 + ["b"] * 90}, [True] * 150))["group"] == "b"


@pytest.mark.parametrize("degrees", [-30, 0, 20])
def test_slant_is_the_angle_of_a_stroke(degrees):
    rows = np.arange(28)[:, None]
    centre = 13.5 + (13.5 - rows) * math.tan(math.radians(degrees))
    bar = np.clip(2 - abs(np.arange(28) - centre), 0, 1) * ((rows > 4) & (rows < 23))
    found = slices.slant(np.stack([bar, np.zeros((28, 28))]).astype(np.float32))
    assert found == pytest.approx([degrees, 0], abs=0.5)


def test_a_value_at_an_edge_is_in_the_group_above():
    assert slices.SIZE.of(np.array([0.49, 0.5, 0.89, 0.9])).tolist() == ["small", "usual", "usual", "large"]


@pytest.mark.parametrize("name", ["stroke", "slant"])
def test_the_outer_groups_have_a_tenth_of_mnist(full_mnist, name):
    """Half a second: every seventh training digit. Two groups of writers alternate, so that no even step is fair."""
    digits = mnist.idx(full_mnist, "train")
    images, labels = digits.images[::7], digits.labels[::7]
    constant = np.ones(len(labels))
    shares = slices.group(images, labels, constant.astype(str), constant, constant)[name].value_counts(normalize=True)
    assert shares.drop("usual").to_list() == pytest.approx([0.1, 0.1], abs=0.01)


def test_a_processed_digit_has_the_statistics_of_its_own_picture(workspace, mnist_digits):
    raw(mnist_digits)
    table = pd.concat([statistics.row_group_statistics(group) for group in raw_tables.row_groups()], ignore_index=True)
    quarantine = pd.DataFrame({"split": ["test", "train", "test"], "row": [0, 2, 11]})
    paths.QUARANTINE.parent.mkdir(exist_ok=True)
    quarantine.to_csv(paths.QUARANTINE, index=False)
    selections = conversion.select(raw_tables.row_groups(), quarantine)
    processed_tables.write_processed(preprocess.canonical_digits(selections), {})
    test = processed_tables.read_processed("test")
    rows = slices.of_processed(table[::-1], quarantine, "test", test.labels)
    assert len(rows) == dataset.count_rows(paths.RAW / "test.parquet") - 2
    assert rows["thumbnail"].tolist() == [one.tobytes() for one in statistics.compute_thumbnails(test.images)]

    with pytest.raises(UserError, match=r"has 39 pictures of the test split, data/processed has 38.*dvc repro preproc"):
        slices.of_processed(table, quarantine.head(1), "test", test.labels)


def test_the_hardest_digit_of_the_worst_group_comes_first():
    groups = pd.DataFrame({"size": ["small", "usual", "small", "small"]}, dtype="category")
    probabilities = np.array([[0.9, 0.1], [0, 1], [0.2, 0.8], [0.6, 0.4]])
    found = slices.hardest(groups, pd.Series({"slice": "size", "group": "small"}), probabilities, np.zeros(4, int))
    assert found.tolist() == [2, 3, 0]


def test_the_metrics_are_numbers_by_slice_and_group():
    found = slices.as_metrics(table({"class": ["1", "1", "2"], "size": ["usual"] * 3}, [True, False, True]))
    assert json.loads(json.dumps(found)) == found
    assert {name: list(by_group) for name, by_group in found["slices"].items()} == {
        "class": ["1", "2"],
        "size": ["usual"],
    }
    assert found["worst_slice"] == found["slices"]["size"]["usual"]
    assert set(found["worst_slice"]) == {"pictures", "accuracy", "accuracy_low", "accuracy_high"}
