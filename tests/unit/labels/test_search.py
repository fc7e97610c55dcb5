"""Probabilities are calibrated as if no label were wrong, and each picture is listed once; 0.2 s."""

import re

import numpy as np

from digits import paths
from digits.data import pictures, raw_tables
from digits.evaluation import labels
from digits.evaluation.labels import LabelIssues
from digits.labels import issues, search
from tests.raw import RULE, example
from tests.unit.labels.test_issues import issue


def test_wrong_labels_neither_blur_the_probabilities_nor_hide():
    """3,000 diffuse logits that are right about 99 in 100, and 90 labels that were changed."""
    random = np.random.default_rng(0)
    true = np.repeat(np.arange(10), 300)
    logits = 0.3 * (random.normal(size=(3000, 10)) + 4.5 * np.eye(10)[true])
    wrong = random.choice(3000, 90, replace=False)
    given = true.copy()
    given[wrong] = (given[wrong] + random.integers(1, 10, 90)) % 10
    probabilities = search.calibrate(logits, given)
    accuracy = (logits.argmax(axis=1) == true).mean()
    assert abs(probabilities.max(axis=1).mean() - accuracy) < 0.02
    assert np.isin(wrong, labels.find_issues(given, probabilities).rows).mean() > 0.9


def test_a_picture_that_is_there_twice_is_listed_once_and_other_decided_rows_are_not_counted(workspace, mnist_digits):
    """Of four digits, the third and the first are the same picture; its row, and one of another list, are decided."""
    encoded = [pictures.encode_png(mnist_digits.images[n]) for n in (0, 1, 0, 2)]
    examples = [example("train", data, f"{n}.png", 3) for n, data in enumerate(encoded)]
    raw_tables.write_raw(examples, RULE)
    hashes = np.array([one.sha256.hex() for one in examples])
    places = {digest: ("train", row) for row, digest in enumerate(hashes.tolist())}
    decided = [issue(0, decision="keep"), issue(1, sha256=hashes[0], decision="8")]
    four = LabelIssues(np.array([2, 1, 0, 3]), np.full(4, 5), np.linspace(0.1, 0.4, 4), np.full(4, 0.5))

    found = search.write(four, hashes, np.full(4, 3), places, decided, 5)
    assert [(one.sha256, one.decision) for one in found.issues] == [(hashes[2], "8"), (hashes[1], ""), (hashes[3], "")]
    assert (found.kept, found.digits) == (1, 4)
    assert issues.read() == [*found.issues, decided[0]]
    page = paths.LABEL_PAGE.read_text()
    assert "3 labels, 2 to decide" in page
    assert re.findall(r"row (\d), train", page) == ["2", "3", "4"]
