"""The evaluation's page names and shows what the model can't read. With a linear network; takes two seconds."""

import contextlib
import re
from base64 import b64encode

import numpy as np
import pytest

from digits import paths
from digits.data.dataset import Digits
from digits.data.training_tables import NonDigits
from digits.evaluation import corruptions, report, slices, summary
from digits.evaluation.certificate import Certificate
from digits.evaluation.result import Evaluation
from digits.model import acceptance
from digits.model.acceptance import Acceptance
from digits.model.classifier import Classifier
from tests import linear_model

CHANGED = [7, 42]  # rows of test digits that get another label
PARTS = ("limits", "curves", "slices", "corruptions", "refusal", "pages", "mistakes", "refused", "doubted")
ERRORS = dict.fromkeys((*corruptions.CORRUPTIONS, "mean"), 0.2) | {"translate": 0.5}


@pytest.fixture(scope="module")
def evaluation(tmp_path_factory, mnist_digits) -> Evaluation:
    """Of 200 test digits, two with another label, and of 30 pictures of no digit, one of them blank.

    The latter are digits too, so some are accepted.
    """
    order = np.argsort(np.arange(5000) % 500, kind="stable")
    training, test, others = (
        Digits(mnist_digits.images[rows], mnist_digits.labels[rows])
        for rows in (order[:1500], order[1500:1700], order[1700:1730])
    )
    test.labels[CHANGED] = (test.labels[CHANGED] + 1) % 10
    others.images[-1] = 0
    network = linear_model.train(training, tmp_path_factory.mktemp("model") / "network.onnx")
    path = network.with_name("model.onnx")
    highest = float(np.quantile(Classifier(network).predict(test.images).score, 0.9))
    acceptance.apply(network, Acceptance(0.5, 0.6, highest), path)
    classifier = Classifier(path)
    kinds = NonDigits(others.images, np.repeat(["old_signs", "letters"], 15))
    found, found_others = classifier.predict(test.images), classifier.predict(others.images)
    found_others.accepted[-1] = True  # a network may accept a blank picture; the users of a model refuse it before
    names = np.full(200, "mnist-5k")
    groups = slices.group(*test, names, np.full(200, 0.7), np.full(200, 255))
    table = slices.score(groups, found.probabilities.argmax(axis=1) == test.labels)
    metrics = {
        "test": {
            **summary.split_scores(found, test.labels, names),
            **summary.confidence(found, test.labels),
            **summary.accepted(found, test.labels),
        },
        **summary.non_digits(found, found_others, kinds),
        "corruption_error": with_ends(ERRORS),
        **with_ends({"font_accuracy": 0.75}),
        "pages": {
            "difficulty_3": {"precision": 0.875, "recall": 0.5, "f1": 0.625, "exact_lines": 0.25},
            "grids": {"grids_found": 0.75, "cell_accuracy": 0.71875},
        },
    }
    certificate = Certificate(0.6, 0.02, 0.01, 0.9, 50, 40, 0)
    return Evaluation(classifier, test, found, kinds, found_others, groups, table, metrics, certificate, b"page")


def with_ends(values: dict[str, float]) -> dict[str, float]:
    return {f"{name}{end}": value for name, value in values.items() for end in ("", "_low", "_high")}


@pytest.fixture(scope="module")
def parts(tmp_path_factory, evaluation) -> dict[str, str]:
    """The parts of the page, by their names."""
    return written(tmp_path_factory.mktemp("page"), evaluation)


def written(folder, evaluation: Evaluation) -> dict[str, str]:
    with contextlib.chdir(folder):
        for path in (paths.RELIABILITY, paths.RISK_COVERAGE, paths.LEARNING_CURVES):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(path.name.encode())
        report.write(evaluation)
        page = paths.EVALUATION_REPORT.read_text()
    texts = re.split(r'<h2 id="\w+">', page)
    assert re.findall(r'<h2 id="(\w+)">', page) == list(PARTS)
    return dict(zip(("top", *PARTS), texts, strict=True))


def captions(part: str) -> list[str]:
    """The text under each picture."""
    return [
        " ".join(re.sub("<[^>]*>", " ", found).split()) for found in re.findall("<figcaption>(.*?)</figcaption>", part)
    ]


def rows_in(part: str) -> list[int]:
    return [int(re.search(r"row (\d+)$", caption)[1]) for caption in captions(part)]


def test_the_headline_has_the_accuracy_and_for_what_the_certificate_holds(evaluation, parts):
    accuracy = evaluation.metrics["test"]["accuracy"]
    assert 0.6 < accuracy < 0.95
    assert f"<strong>{accuracy:.2%} of the test digits are read correctly</strong>" in parts["top"]
    assert 'class="verdict warn"' in parts["top"]  # 1 % was asked for
    assert "at most 2.00% error among accepted digits, at 90% confidence" in parts["top"]
    assert "for digits like these validation digits, not for other pictures" in parts["top"]


def test_every_mistake_is_shown_with_its_saliency_the_most_confident_first(evaluation, parts):
    probabilities, labels = evaluation.found.probabilities, evaluation.test.labels
    rows, predicted = rows_in(parts["mistakes"]), probabilities.argmax(axis=1)
    assert sorted(rows) == np.flatnonzero(predicted != labels).tolist()
    confidence = probabilities[rows].max(axis=1)
    assert (np.diff(confidence) <= 0).all()
    accepted = np.where(evaluation.found.accepted[rows], "accepted", "refused")
    assert captions(parts["mistakes"]) == [
        f"label {labels[row]}, predicted {predicted[row]} {shown:.1%}, {state}; row {row}"
        for row, shown, state in zip(rows, confidence, accepted, strict=True)
    ]
    assert f"{(accepted == 'accepted').sum()} of them are accepted" in parts["mistakes"]


def test_the_scores_of_pages_are_shown_with_a_page(parts):
    assert "F1 of 62.50% (difficulty 3)" in parts["top"]
    assert re.findall(r'<td class="number">([\d.]+%)</td>', parts["pages"]) == ["87.50%", "50.00%", "62.50%", "25.00%"]
    assert "finds 75.00%, and reads 71.88% of all cells" in parts["pages"]
    assert f'src="data:image/jpeg;base64,{b64encode(b"page").decode()}"' in parts["pages"]


def test_every_refused_digit_is_shown_with_its_reason(evaluation, parts):
    rows = rows_in(parts["refused"])
    assert sorted(rows) == np.flatnonzero(~evaluation.found.accepted).tolist()
    counts = [int(found) for found in re.findall(r'<td class="number">(\d+)</td>', parts["refused"])]
    assert len(counts) == 3
    assert min(counts) > 0
    assert sum(counts) == len(rows)
    shown = captions(parts["refused"])
    assert sum("outlier score" in one and "probability" not in one for one in shown) == counts[0]
    assert sum("outlier score" not in one and "is below 60.0%" in one for one in shown) == counts[1]


def test_what_is_no_digit_and_accepted_is_shown_but_never_a_blank_picture(evaluation, parts):
    count = evaluation.found_others.accepted[:-1].sum()
    assert 0 < count < 30
    shown = parts["limits"].partition("No digit, and accepted: ")[2]
    assert shown.startswith(f"{count} of 30<")
    assert {caption.rpartition(" ")[0][:-3] for caption in captions(shown)} == {"old signs", "letters"}
    assert len(captions(shown)) == count


def test_the_worst_slice_and_the_worst_corruption_are_shown(evaluation, parts):
    worst = slices.worst(evaluation.table)
    assert f"The worst slice: {worst['slice']} {worst['group']}" in parts["limits"]
    assert "The worst corruption: translate" in parts["limits"]
    of_slice, _, rest = parts["limits"].partition("The worst corruption")
    assert len(captions(of_slice)) == slices.HARDEST
    for caption in captions(rest.partition("Read correctly")[0]):
        label, predicted = re.match(r"label (\d), predicted (\d) ", caption).groups()
        assert label != predicted


def test_changed_labels_are_in_doubt(evaluation, parts):
    assert set(CHANGED) & set(rows_in(parts["doubted"]))
    assert "digits labels find" in parts["doubted"]


def test_a_long_list_is_cut_and_counted(tmp_path, evaluation, monkeypatch):
    monkeypatch.setattr(report, "MAX_PICTURES", 3)
    parts = written(tmp_path, evaluation)
    wrong = (evaluation.found.probabilities.argmax(axis=1) != evaluation.test.labels).sum()
    assert len(captions(parts["mistakes"])) == 3
    assert f"Mistakes: {wrong}<" in parts["mistakes"]
    assert "The first 3 are shown." in parts["mistakes"]


def test_a_model_without_a_mistake_has_a_page(tmp_path, evaluation):
    right = evaluation.test._replace(labels=evaluation.found.probabilities.argmax(axis=1))
    parts = written(tmp_path, evaluation._replace(test=right))
    assert captions(parts["mistakes"]) == captions(parts["doubted"]) == []
    assert "Mistakes: 0<" in parts["mistakes"]


def test_test_digits_of_one_class_have_no_label_in_doubt(tmp_path, evaluation):
    parts = written(tmp_path, evaluation._replace(test=evaluation.test._replace(labels=np.full(200, 3))))
    assert captions(parts["doubted"]) == []
