"""The evaluate stage: each part of the data says only what it is for, and every metric is a number with its interval.

With a linear network of 1,500 digits. Takes some 20 seconds: three evaluations, each of some 2,000 changed digits.
"""

import contextlib
import io

import numpy as np
import pandas as pd
import pytest
from scipy.special import softmax

from digits import params, paths
from digits.data import non_digits, processed_tables
from digits.data.dataset import NO_DIGIT, Digits
from digits.errors import UserError
from digits.evaluation import corruptions, parts
from digits.evaluation.certificate import Certificate
from digits.files import read_json
from digits.model.acceptance import Acceptance
from digits.model.classifier import Classifier
from pipeline import evaluate
from tests import linear_model
from tests.imports import ROOT
from tests.raw import set_params, write_evaluable

EACH = {"train": 150, "validation": 100, "test": 10}  # digits of each label
FONTS = ("font_accuracy", "font_accuracy_low", "font_accuracy_high")
RATES = ("accuracy", "log_loss", "brier", "ece", "coverage", "error_when_accepted")


@pytest.fixture(scope="module")
def digits(mnist_digits) -> dict[str, Digits]:
    """By split, the labels in turn."""
    order, first, found = np.argsort(np.arange(5000) % 500, kind="stable"), 0, {}
    for split, each in EACH.items():
        rows = order[first : first + 10 * each]
        found[split] = Digits(mnist_digits.images[rows], mnist_digits.labels[rows])
        first += 10 * each
    return found


@pytest.fixture(scope="module")
def signs(digits) -> dict[str, np.ndarray]:
    """(n, 28, 28) uint8 by split; in the test split some are blank."""
    drawn = {
        split: non_digits.draw_canonical(non_digits.Order("signs", split, 40, (0, 0), digits[split].images))
        for split in ("train", "test")
    }
    return {**drawn, "test": np.concatenate([drawn["test"], np.zeros((2, 28, 28), np.uint8)])}


@pytest.fixture(scope="module")
def network(tmp_path_factory, digits, signs):
    """The model file of a linear network."""
    images, labels = digits["train"]
    labels = np.concatenate([labels, np.full(len(signs["train"]), NO_DIGIT)])
    path = tmp_path_factory.mktemp("network") / "network.onnx"
    return linear_model.train(Digits(np.concatenate([images, signs["train"]]), labels), path)


def prepare(digits, signs, network, sources=None) -> None:
    """Write all that evaluate reads."""
    few = {"corrupted_digits": 10, "page_difficulties": [1], "pages_per_difficulty": 1}
    set_params("evaluate", max_error_when_accepted=0.05, **few)
    write_evaluable(digits, signs["test"], sources)
    paths.NETWORK.parent.mkdir()
    paths.LEARNING_CURVES.parent.mkdir(parents=True)
    paths.LEARNING_CURVES.write_bytes(b"drawn by train")
    paths.NETWORK.write_bytes(network.read_bytes())


@pytest.fixture
def project(workspace, digits, signs, network):
    """A workspace with all that evaluate reads."""
    prepare(digits, signs, network)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory, digits, signs, network):
    """The folder of an evaluation of digits of two sources, and what it printed."""
    folder, printed = tmp_path_factory.mktemp("evaluated"), io.StringIO()
    (folder / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
    sources = {split: np.where(np.arange(len(of.labels)) % 4, "mnist", "folder") for split, of in digits.items()}
    with contextlib.chdir(folder), contextlib.redirect_stdout(printed):
        prepare(digits, signs, network, sources)
        evaluate.main()
    return folder, printed.getvalue()


def wrong(of: Digits, rows: np.ndarray | bool = True) -> Digits:
    """The digits, those at the rows, (n,) bool, with another label."""
    return Digits(of.images, np.where(rows, (of.labels + 1) % 10, of.labels))


def choose(digits: dict[str, Digits], signs) -> tuple[Acceptance, Certificate]:
    write_evaluable(digits, signs["test"])
    chosen = evaluate.choose_acceptance(params.load().evaluate)
    assert Classifier(paths.ONNX).acceptance.texts() == chosen.acceptance.texts()
    return chosen


def numbers(nested: dict, above: tuple = ()):
    """Each section with all that is in it; fails at what is no number."""
    yield above, nested
    for key, value in nested.items():
        if isinstance(value, dict):
            yield from numbers(value, (*above, key))
        else:
            assert isinstance(value, int | float) and np.isfinite(value), (*above, key)


def test_every_metric_is_a_number_with_its_interval(evaluated):
    found = read_json(evaluated[0] / paths.EVALUATION)
    assert list(found) == ["validation", "test", "acceptance", "auroc", "refused", "corruption_error", *FONTS, "pages"]
    assert {*RATES, "aurc", "pictures", "classes", "sources", "slices", "worst_slice"} < set(found["test"])
    assert {"certified_error", "temperature", "min_probability", "max_score", "met"} < set(found["acceptance"])
    assert {*corruptions.CORRUPTIONS, "mean"} < set(found["corruption_error"])
    assert set(found["pages"]["difficulty_1"]) == {"precision", "recall", "f1", "exact_lines"}
    assert found["pages"]["grids"]["grids_found"] == 1
    assert 0.3 < found["pages"]["grids"]["cell_accuracy"] < 1  # neither without the empty ones nor by chance
    with_interval = [
        *((found["test"], name) for name in RATES),
        *((found["validation"], name) for name in RATES[:3]),
        *((found[name], "signs") for name in ("auroc", "refused")),
        *((found["corruption_error"], name) for name in (*corruptions.CORRUPTIONS, "mean")),
        *((one, "accuracy") for split in ("validation", "test") for one in found[split]["sources"].values()),
        *((one, "accuracy") for of in found["test"]["slices"].values() for one in of.values()),
        (found["auroc"], "worst"),
        (found, "font_accuracy"),
        (found["test"]["worst_slice"], "accuracy"),
    ]
    for section, name in with_interval:
        assert {f"{name}_low", f"{name}_high"} < set(section), name
    for above, section in numbers(found):
        for name in (key.removesuffix("_low") for key in section if key.endswith("_low")):
            low, high = section[f"{name}_low"], section[f"{name}_high"]
            assert low <= high, (*above, name)
            # the basic bootstrap corrects ECE's bias by more than half of the interval where the digits are few
            assert name in ("ece", "ece_if_calibrated") or low <= section[name] <= high, (*above, name)
    assert 0.5 < found["test"]["accuracy"] < 1  # neither trivial nor by chance


def test_the_metrics_are_those_of_the_predictions_source_by_source(evaluated):
    folder, printed = evaluated
    found, table = read_json(folder / paths.EVALUATION), pd.read_csv(folder / paths.PREDICTIONS)
    test, right = found["test"], table["predicted"] == table["label"]
    assert (test["pictures"], test["accuracy"], test["coverage"]) == (100, right.mean(), table["accepted"].mean())
    assert 1 - right[table["accepted"]].mean() == pytest.approx(test["error_when_accepted"])
    by_source = right.groupby(table["source"]).mean()
    assert {name: one["accuracy"] for name, one in test["sources"].items()} == by_source.to_dict()
    sizes = {name: one["pictures"] for name, one in found["validation"]["sources"].items()}
    assert sizes == {"folder": 250, "mnist": 750}
    shares = f"folder {by_source['folder']:.2%} of 25; mnist {by_source['mnist']:.2%} of 75"
    words = " ".join(printed.split())  # of lines that end at 80 characters
    assert "on 100 test digits, 95 % interval " in words and f"; {shares}; log loss" in words
    assert " certified: at most " in words


def test_the_same_inputs_give_the_same_bytes(evaluated, monkeypatch):
    monkeypatch.chdir(evaluated[0])
    files = [
        *(paths.ONNX, paths.MODEL_CARD, paths.EVALUATION, paths.PREDICTIONS, paths.EVALUATION_REPORT),
        *paths.SLICES.parent.iterdir(),
    ]
    before = [path.read_bytes() for path in files]
    evaluate.main()
    assert [path.read_bytes() for path in files] == before
    assert len(files) == 11


def test_the_labels_of_a_part_change_its_own_choice_alone(project, digits, signs):
    plain, certificate = choose(digits, signs)
    model = paths.ONNX.read_bytes()
    rows = parts.divide(processed_tables.read_picture_hashes("validation"))
    assert np.sum(list(rows.values()), axis=0).tolist() == [1] * 1000

    def changed(part: str) -> tuple[Acceptance, Certificate]:
        return choose({**digits, "validation": wrong(digits["validation"], rows[part])}, signs)

    (temperature, _, max_score), _ = changed("temperature")
    assert temperature > 2 * plain.temperature
    assert max_score == plain.max_score
    assert changed("score_bound") == (plain, certificate)
    (temperature, _, max_score), failed = changed("threshold")
    assert (temperature, max_score) == (plain.temperature, plain.max_score)
    assert certificate.certified_error < failed.certified_error == 1
    for split in ("train", "test"):
        assert choose({**digits, split: wrong(digits[split])}, signs) == (plain, certificate)
        assert paths.ONNX.read_bytes() == model


def test_the_models_probabilities_are_those_of_the_divided_logits(project, digits, signs):
    (temperature, min_probability, max_score), _ = choose(digits, signs)
    images = digits["test"].images
    network, model = (Classifier(path).predict(images) for path in (paths.NETWORK, paths.ONNX))
    assert model.probabilities == pytest.approx(softmax(network.logits / temperature, axis=1), abs=1e-6)
    assert temperature != 1
    expected = (model.probabilities.max(axis=1) >= min_probability) & (model.score <= np.float32(max_score))
    assert model.accepted.tolist() == expected.tolist()


def test_a_model_that_sees_no_difference_is_evaluated(project, digits, constant_model, capsys):
    paths.NETWORK.write_bytes(constant_model(3).read_bytes())
    evaluate.main()
    found = read_json(paths.EVALUATION)
    assert (found["test"]["accuracy"], found["auroc"]["worst"]) == (0.1, 0.5)
    assert (found["acceptance"]["certified_error"], found["acceptance"]["met"]) == (1, 0)
    assert "no error is certified" in capsys.readouterr().out


def test_a_small_validation_split_is_named_and_no_model_is_written(project, digits, signs):
    few = Digits(*(values[:3] for values in digits["validation"]))
    with pytest.raises(UserError, match=r"^the validation split has 3 digits, which leave [01] for a part of it"):
        choose({**digits, "validation": few}, signs)
    assert not paths.ONNX.exists()


def test_statistics_of_other_digits_are_named(project):
    table = pd.read_parquet(paths.STATISTICS)
    table[:-1].to_parquet(paths.STATISTICS)
    with pytest.raises(UserError, match=r"has 99 pictures of the test split, data/processed has 100"):
        evaluate.main()
    assert not paths.EVALUATION.exists()
