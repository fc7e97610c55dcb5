"""Promotion to champion, and its reason, with a real registry: models that always predict one label."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits.data import dataset, processed_tables
from digits.evaluation.comparison import Difference
from digits.files import digest
from digits.params import Register
from digits.paths import PREDICTIONS, PROCESSED
from digits.tracking import held_out, learned_pictures, promotion, registry, runs, tags, version_checks
from digits.tracking.challenge import Comparison, Gate
from tests.raw import write_processed_splits
from tests.scratch import NO_FLOORS
from tests.tracking_store import METRICS, NOTHING, registered_version

PARAMS = Register(**{**NO_FLOORS, "min_accuracy": 0.1}, confidence=0, min_compared=2)
NO_CHAMPION = Comparison("there was no champion")


def comparison(mean: float, low: float = -1, chance: float = 1.0) -> Comparison:
    return Comparison(Difference(mean, low, mean + 1, 0.95, 400), [Gate("test", "the test digits", 5, 3, chance)])


@pytest.mark.parametrize(
    ("accuracy", "confidence", "champion", "promoted", "words"),
    [
        (
            0.98,
            0,
            NO_CHAMPION,
            False,
            "its test accuracy of 98.00% is below register.min_accuracy = 98.50%",
        ),
        (0.985, 0, NO_CHAMPION, True, "passes every gate, with a test accuracy of 98.50%, and there was no"),
        (0.98, 0, comparison(0.1), False, "is below register.min_accuracy"),
        (
            0.99,
            0,
            comparison(0.01),
            True,
            "is below the champion's (champion's less its own on 400 validation digits: ",
        ),
        (0.99, 0, comparison(0.01), True, "digits: 0.0100, 95% interval -1.0000 to 1.0100)"),
        (0.99, 0, comparison(0.0), False, "its log loss equals the champion's"),
        (0.99, 0, comparison(-0.01), False, "its log loss is above the champion's"),
        (0.99, 0.95, comparison(0.01, low=0.0), False, "not surely by register.confidence"),
        (0.99, 0.95, comparison(0.01, low=0.001), True, "is below the champion's"),
        (0.99, 0, comparison(0.01, chance=0.049), False, "5 are classified correctly only by the champion, 3 only by"),
        (0.99, 0, comparison(0.01, chance=0.05), True, "McNemar's p 0.05"),
    ],
)
def test_the_decision_and_its_reason(accuracy, confidence, champion, promoted, words):
    params = PARAMS.model_copy(update={"min_accuracy": 0.985, "confidence": confidence})
    decision = promotion.decide({**METRICS, "test_accuracy": accuracy}, params, champion)
    assert decision.champion is promoted
    assert words in decision.reason


def splits(validation: list[int], test: list[int], predicted: int = 0, sources: list[str] | str = "mnist-5k") -> None:
    """Today's splits with these labels, and what `evaluate` wrote for a model that always predicts `predicted`.

    `sources` is the source of all digits, or of each test digit; the others are then of the first.
    """
    if not isinstance(sources, str):
        first = sources[0]
        sources = {"train": [first], "validation": [first] * len(validation), "test": sources}
    write_processed_splits(sources, train=[0], validation=validation, test=test)
    PREDICTIONS.parent.mkdir(parents=True, exist_ok=True)
    pd.DataFrame({"label": test, "predicted": predicted}).to_csv(PREDICTIONS, index=False)


def champion_after(version, accuracy: float = 0.5, params: Register = PARAMS) -> tuple[str, str]:
    reason = promotion.promote(version, {**METRICS, "test_accuracy": accuracy}, params).reason
    return registry.champion().number, reason


def test_the_lower_loss_on_validation_becomes_champion_and_the_other_challenger(versions):
    first, second, _ = versions
    splits([1, 1, 2], [1, 2])
    assert champion_after(first)[0] == "1"
    number, reason = champion_after(second)
    assert number == "1"
    assert "version 2 stays a challenger: its log loss is above the champion's (" in reason
    assert "on 3 validation digits" in reason
    assert (registry.get_version("1").aliases, registry.get_version("2").aliases) == (("champion",), ("challenger",))

    splits([1, 2, 2], [1, 2], predicted=2)  # other digits: the second is the better one there
    assert champion_after(second)[0] == "2"
    assert (registry.get_version("1").aliases, registry.get_version("2").aliases) == ((), ("champion",))
    assert "version 2 is champion: it was champion before" in champion_after(second)[1]


def test_equal_loss_keeps_the_champion(versions):
    splits([1, 2], [1, 2])
    assert champion_after(versions[0])[0] == "1"
    number, reason = champion_after(versions[1])
    assert number == "1"
    assert "equals the champion's" in reason


def test_better_on_validation_but_worse_on_test_is_refused(versions):
    splits(
        [1, 2, 2], [1] * 5 + [2], predicted=2
    )  # five test digits only the champion reads: p 7/64 with one the other way
    assert champion_after(versions[0])[0] == "1"
    assert champion_after(versions[1])[0] == "2"
    registry.delete_alias(registry.CHAMPION, registry.champion())
    assert champion_after(versions[0])[0] == "1"
    splits([1, 2, 2], [1] * 5, predicted=2)  # p 1/32
    number, reason = champion_after(versions[1])
    assert number == "1"
    assert "5 are classified correctly only by the champion, 0 only by it (McNemar's p 0.031), below 0.05" in reason
    assert runs.get_run(versions[1].run_id).data.metrics["mcnemar_p_test"] == pytest.approx(1 / 32)


def test_a_champion_is_not_compared_on_what_it_was_trained_on(store, constant_model):
    """Else it could never be beaten: by its own training digits it is the better one, by the others it is not."""
    splits([1, 1, 1, 2, 2], [1, 1, 2, 2], predicted=2)
    read = processed_tables.read_picture_hashes
    learned = np.concatenate([read("validation")[:3], read("test")[:2]])
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(1), learned=learned))
    candidate = registered_version(constant_model(2), learned=NOTHING)
    number, reason = champion_after(candidate)
    assert number == "2"
    assert "on 2 validation digits" in reason
    assert "0 are classified correctly only by the champion, 2 only by it" in reason


@pytest.mark.parametrize(
    ("learned_of", "words"),
    [
        (
            "validation",
            "trained on all but 1 of the 4 validation digits, fewer than register.min_compared = 2",
        ),
        ("test", "trained on all but 1 of the 4 test digits"),
    ],
)
def test_where_too_few_digits_are_left_the_floor_alone_decides(store, constant_model, learned_of, words):
    splits([1, 1, 1, 1], [1, 1, 1, 1], predicted=2)
    learned = processed_tables.read_picture_hashes(learned_of)[:3]
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(1), learned=learned))
    number, reason = champion_after(registered_version(constant_model(2), learned=NOTHING))
    assert number == "2"
    assert f"it is not compared with the champion, version 1: that one was {words}" in reason


def test_a_champion_of_an_earlier_version_of_the_project_is_not_compared(store, constant_model):
    splits([1, 1], [1, 1], predicted=2)
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(1)))  # no split rule, no pictures
    candidate = registered_version(constant_model(2), learned=NOTHING)
    assert "is below register.min_accuracy" in champion_after(candidate, accuracy=0.05)[1]
    number, reason = champion_after(candidate)
    assert number == "2"
    assert "the pictures that one was trained on are not known" in reason


@pytest.mark.parametrize("damage", ["removed", "altered", "not Parquet"])
def test_a_lost_list_of_pictures_is_read_from_dvcs_cache_or_is_unknown(versions, workspace, damage):
    splits([1, 1, 2], [1, 2], predicted=2)
    version = registered_version(workspace / "always_2.onnx", learned=NOTHING)
    path = runs.artifact_path(version.run_id, f"{learned_pictures.FOLDER}/{learned_pictures.NAME}")
    assert learned_pictures.of_version(version) is not None
    match damage:
        case "removed":
            path.unlink()
        case "altered":
            learned_pictures.write(processed_tables.read_picture_hashes("test"), path.parent)
        case "not Parquet":
            path.write_bytes(b"text")
    assert learned_pictures.of_version(version) is None
    cached = workspace / ".dvc" / "cache" / "files" / "md5" / "00" / ("0" * 30)
    cached.parent.mkdir(parents=True)
    write_processed_splits(train=[])
    cached.write_bytes((workspace / "data" / "processed" / "train.parquet").read_bytes())
    assert len(learned_pictures.of_version(version)) == 0


def test_a_champion_whose_file_is_gone_is_replaced_by_the_floor(versions):
    splits([1, 1], [1, 1], predicted=2)
    registry.set_alias(registry.CHAMPION, versions[0])
    path = version_checks.checked_file(versions[0])
    path.write_bytes(path.read_bytes() + b"x")
    number, reason = champion_after(versions[1])
    assert number == "2"
    assert "it is not compared with the champion, version 1: model.onnx of version 1 of digits was altered" in reason


def test_a_failure_of_the_store_decides_nothing(versions, monkeypatch):
    """A network that fails for a moment must not make a worse model champion."""
    splits([1, 1], [1, 1], predicted=2)
    registry.set_alias(registry.CHAMPION, versions[0])

    def fail(*arguments, **options):
        raise OSError("the network is down")

    monkeypatch.setattr("mlflow.artifacts.download_artifacts", fail)
    with pytest.raises(Exception, match="the network is down"):
        promotion.promote(versions[1], METRICS, PARAMS)
    assert registry.champion().number == "1"


def test_a_candidate_that_is_worse_on_one_source_is_refused(versions):
    """Both read half of the test digits: the champion all of the folder's, the candidate all of MNIST's."""
    test, sources = [2] * 6 + [1] * 6, ["mnist"] * 6 + ["folder"] * 6
    splits([1, 2, 2], test, predicted=2, sources=sources)
    registry.set_alias(registry.CHAMPION, versions[0])
    number, reason = champion_after(versions[1])
    assert number == "1"
    assert "challenger: of the test digits of folder 6 are classified correctly only by the champion, 0 only" in reason

    splits([1, 2, 2], test, predicted=2)  # of one source
    number, reason = champion_after(versions[1])
    assert number == "2"
    assert "of the test digits 6 are classified correctly only by the champion, 6 only by it" in reason


def test_a_source_with_too_few_digits_that_the_champion_has_not_seen_is_left_out(store, constant_model):
    test, sources = [2] * 6 + [1] * 7, ["mnist"] * 6 + ["folder"] * 7
    splits([1, 2, 2], test, predicted=2, sources=sources)
    learned = processed_tables.read_picture_hashes("test")[8:]  # all but two of the folder's
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(1), learned=learned))
    number, reason = champion_after(
        registered_version(constant_model(2), learned=NOTHING), params=PARAMS.model_copy(update={"min_compared": 3})
    )
    assert number == "2"
    left_out = (
        "the test digits of folder are left out, since 2 of them can be compared, fewer than register.min_compared"
    )
    assert left_out in reason
    assert "of the test digits of mnist 0 are classified correctly only by the champion, 6 only by it" in reason


@pytest.fixture
def champion(store, constant_model, workspace):
    """A function that makes a champion which always predicts 1, trained on data of these sources, in DVC's cache.

    Of its test digits those of mnist are 1s, those of folder 3s.
    """

    def make(*sources: str, labels=None, cached: bool = True, **more: str):
        of = labels or {"mnist": 1, "folder": 3}
        names = [name for name in sources for _ in range(6)]
        splits([1], [of[name] for name in names], sources=names)
        learned = np.concatenate([processed_tables.read_picture_hashes(split) for split in ("train", "validation")])
        path = PROCESSED / "test.parquet"
        md5 = digest(path, "md5")
        if cached:
            kept = workspace / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
            kept.parent.mkdir(parents=True)
            kept.write_bytes(path.read_bytes())
        given = {tags.SOURCES: ", ".join(sources), tags.TEST_SPLIT: md5, **more}
        version = registered_version(constant_model(1), learned=learned, **given)
        registry.set_alias(registry.CHAMPION, version)
        return version

    return make


def test_a_model_of_another_source_alone_is_compared_on_the_champions_test_digits(champion, constant_model):
    champion("mnist")
    candidate = registered_version(constant_model(2), learned=NOTHING)
    splits([2, 2], [2] * 6, predicted=2, sources="folder")
    number, reason = champion_after(candidate)
    assert number == "1"
    assert "of the champion's test digits of mnist, which today's data lack, 6 are classified correctly only" in reason


def test_a_model_of_another_source_alone_that_reads_the_champions_digits_as_well_is_promoted(champion, constant_model):
    champion("mnist", labels={"mnist": 5})  # which neither reads
    splits([2, 2], [2] * 6, predicted=2, sources="folder")
    number, reason = champion_after(registered_version(constant_model(2), learned=NOTHING))
    assert number == "2"
    assert "of mnist, which today's data lack, 0 are classified correctly only by the champion, 0 only by it" in reason


def test_a_source_that_is_left_away_is_compared_though_the_rest_is_too_little_to(champion, constant_model):
    """The floor alone would decide about a model that learned one source, where the champion learned that one too."""
    champion("mnist", "folder", labels={"mnist": 2, "folder": 1})
    candidate = registered_version(constant_model(2), learned=NOTHING)
    splits([2], [2] * 6, predicted=2, sources="mnist")  # one validation digit
    number, reason = champion_after(candidate)
    assert number == "1"
    assert "challenger: of the champion's test digits of folder, which" in reason


def test_digits_of_the_champion_that_todays_data_hold_in_another_split_are_not_lacking(champion, constant_model):
    """As of mnist-5k, whose pictures are in mnist: the candidate may have learned them."""
    champion("mnist")
    former = pq.read_table(PROCESSED / "test.parquet")
    splits([2, 2], [2] * 6, predicted=2, sources="folder")
    names = pa.array(["folder"] * len(former), dataset.SOURCE)
    pq.write_table(former.drop_columns("source").append_column("source", names), PROCESSED / "train.parquet")
    number, reason = champion_after(registered_version(constant_model(2), learned=NOTHING))
    assert number == "2"
    assert "lack" not in reason


def test_pictures_that_were_removed_from_a_source_do_not_count(champion, constant_model):
    """As after wrong labels were found: the champion learned from their like."""
    champion("mnist")
    candidate = registered_version(constant_model(2), learned=NOTHING)
    splits([2, 2], [2] * 6, predicted=2, sources=["folder"] * 5 + ["mnist"])
    assert champion_after(candidate)[0] == "2"


@pytest.mark.parametrize("damage", ["missing", "altered"])
def test_where_the_champions_test_digits_are_gone_it_stays_and_the_next_register_decides_again(
    champion, constant_model, workspace, damage
):
    version = champion("mnist", cached=damage == "altered")
    if damage == "altered":
        (cached,) = (workspace / ".dvc" / "cache").glob("files/md5/*/*")
        cached.write_bytes(cached.read_bytes() + b"x")
    test = (PROCESSED / "test.parquet").read_bytes()
    candidate = registered_version(constant_model(2), learned=NOTHING)
    splits([2, 2], [2] * 6, predicted=2, sources="folder")
    decision = promotion.promote(candidate, METRICS, PARAMS)
    assert (registry.champion().number, decision.champion, decision.final) == ("1", False, False)
    md5 = version.tags[tags.TEST_SPLIT]
    assert (
        f"its data lack the source mnist of the champion, version 1, and that one's test split, MD5 {md5}, is not in"
        in (decision.reason)
    )
    assert "`dvc pull` or `dvc fetch --all-commits`, or add mnist to ingest.sources" in decision.reason
    cached = workspace / ".dvc" / "cache" / "files" / "md5" / md5[:2] / md5[2:]
    cached.parent.mkdir(parents=True, exist_ok=True)
    cached.write_bytes(test)
    assert len(held_out.of_version(version).sources) == 6
    decision = promotion.promote(candidate, METRICS, PARAMS)
    assert "6 are classified correctly only by the champion" in decision.reason
    assert decision.final


def test_without_its_test_digits_a_source_is_not_lacking_where_todays_data_hold_what_it_learned(store, constant_model):
    """As of mnist-5k, whose pictures are in mnist."""
    splits([2, 2], [2] * 6, predicted=2, sources="mnist")
    given = {tags.SOURCES: "mnist-5k", tags.TEST_SPLIT: "0" * 32}
    learned = processed_tables.read_picture_hashes("train")
    registry.set_alias(registry.CHAMPION, registered_version(constant_model(1), learned=learned, **given))
    assert champion_after(registered_version(constant_model(2), learned=NOTHING))[0] == "2"


def test_a_champion_whose_file_is_gone_is_replaced_though_its_sources_are_lacking(champion, constant_model):
    version = champion("mnist", cached=False)
    candidate = registered_version(constant_model(2), learned=NOTHING)
    splits([2, 2], [2] * 6, predicted=2, sources="folder")
    path = version_checks.checked_file(version)
    path.write_bytes(path.read_bytes() + b"x")
    number, reason = champion_after(candidate)
    assert number == "2"
    assert "it is not compared with the champion, version 1: model.onnx of version 1 of digits was altered" in reason
