"""Every picture is converted to the canonical digit, in its split."""

from pathlib import Path

import numpy as np
import pytest

from digits import paths
from digits.data import dataset, non_digits, pictures, processed_tables, training_tables
from digits.data.canonical import canonical
from digits.data.dataset import NO_DIGIT, Digits
from digits.errors import UserError
from digits.reading import training_cuts
from pipeline import preprocess
from tests.raw import BLANK, RULE, SIZES, raw, read_raw, set_params, validated


def sizes() -> dict[str, int]:
    return {split: len(processed_tables.read_processed(split).labels) for split in ("train", "validation", "test")}


def shown(image: np.ndarray, *, at: int = 18) -> bytes:
    """A digit dark on light, in a larger picture."""
    return pictures.encode_png(np.pad(255 - image, at, constant_values=255))


def test_preprocess_writes_the_canonical_digits(workspace, mnist_digits):
    raw(mnist_digits, test_0={"data": shown(mnist_digits.images[0])})
    validated()
    preprocess.main()
    assert sizes() == SIZES
    test = processed_tables.read_processed("test")
    # Parity: the stage converts each picture as the one function does.
    for example, image, label in zip(read_raw("test"), test.images, test.labels, strict=True):
        assert np.array_equal(image, canonical(pictures.decode(example.data).pixels[None])[0])
        assert label == example.label
    assert np.array_equal(test.images[0], mnist_digits.images[0])
    assert np.bincount(processed_tables.read_processed("validation").labels).tolist() == [2] * 10
    assert Path("reports/figures/samples.png").is_file()


@pytest.mark.parametrize("share", [0.5, 0])
def test_the_network_learns_from_as_many_pictures_of_no_digit_as_asked_for(workspace, mnist_digits, share):
    raw(mnist_digits)
    validated()
    set_params("preprocess", non_digits=share)
    preprocess.main()
    digits = processed_tables.read_processed("train")
    cuts, all_of_it = training_tables.read_page_cuts(), training_tables.read_training()
    assert np.array_equal(all_of_it.images[: SIZES["train"]], digits.images)
    assert np.array_equal(all_of_it.labels[: SIZES["train"]], digits.labels)
    both = Digits(*(column[: len(column) - len(cuts.labels)] for column in all_of_it))
    assert np.array_equal(all_of_it.images[len(both.labels) :], cuts.images)
    assert np.array_equal(all_of_it.labels[len(both.labels) :], cuts.labels)
    others = both.labels[SIZES["train"] :]
    assert (others == dataset.NO_DIGIT).all()
    assert (
        0.9 * share * SIZES["train"] <= len(others) <= share * SIZES["train"]
    )  # some are drawn as a bar, and left out
    assert both.images[SIZES["train"] :].any(axis=(1, 2)).all()
    test = training_tables.read_non_digits("test")
    assert set(test.kinds) == set(non_digits.KINDS)
    assert len(test.images) <= 10 * len(non_digits.KINDS)
    assert paths.NON_DIGIT_SAMPLES.stat().st_size > 1000


@pytest.mark.parametrize("share", [0.1, 0])
def test_as_many_digits_and_others_are_cut_from_pages_as_asked_for(workspace, mnist_digits, share):
    raw(mnist_digits)
    validated()
    set_params("preprocess", page_digits=share, page_non_digits=share / 2)
    preprocess.main()
    cuts = training_tables.read_page_cuts()
    is_digit = cuts.labels != NO_DIGIT
    assert (0 < is_digit.sum() <= training_cuts.PAGE_CUTS) if share else not len(cuts.labels)
    assert (~is_digit).sum() <= training_cuts.PAGE_CUTS / 2
    assert paths.PAGE_CUT_SAMPLES.stat().st_size > 1000


def test_pictures_of_different_sizes_keep_their_order(workspace, mnist_digits, monkeypatch):
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 7)
    monkeypatch.setattr(pictures, "MAX_STACK_PIXELS", 3000)
    chosen = mnist_digits.images[mnist_digits.labels == 0][:4]
    raw(mnist_digits, **{f"test_{row}": {"data": shown(image, at=5 + row % 2)} for row, image in enumerate(chosen)})
    validated()
    preprocess.main()
    for split in dataset.SPLITS:
        raw_split = list(read_raw(split))
        expected = [(example.label, pictures.decode_canonical(example.data).tobytes()) for example in raw_split]
        images, labels = processed_tables.read_processed(split)
        assert [(int(label), image.tobytes()) for image, label in zip(images, labels, strict=True)] == expected
        hashes = [example.sha256.hex().encode() for example in raw_split]
        assert processed_tables.read_picture_hashes(split).tolist() == hashes
    assert dataset.split_rule() == dataset.split_rule(paths.RAW) == RULE


def test_quarantined_rows_are_left_out_even_where_they_cant_be_decoded(workspace, mnist_digits):
    raw(mnist_digits, train_3={"data": b"seven"}, test_39={"data": BLANK}, test_0={"label": 11})
    validated(("train", 3), ("test", 39), ("test", 0))
    preprocess.main()
    assert sizes() == {"train": 139, "validation": 20, "test": 38}
    raw_test = list(read_raw("test"))[1:39]
    test = processed_tables.read_processed("test")
    assert test.labels.tolist() == [example.label for example in raw_test]
    assert [image.tobytes() for image in test.images] == [pictures.decode(e.data).pixels.tobytes() for e in raw_test]
    assert np.bincount(processed_tables.read_processed("train").labels).tolist() == [13] + [14] * 9


def test_a_whole_row_group_may_be_quarantined(workspace, mnist_digits, monkeypatch):
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 20)
    raw(mnist_digits)
    validated(*(("test", row) for row in range(20)))
    preprocess.main()
    assert sizes() == {"train": 140, "validation": 20, "test": 20}


@pytest.mark.parametrize(
    ("data", "words"),
    [(BLANK, "blank: contrast 0 of 255"), (b"seven", r"not a picture \(5 bytes\)")],
    ids=["blank", "unreadable"],
)
def test_a_picture_without_a_digit_is_named_and_nothing_is_written(workspace, mnist_digits, data, words):
    raw(mnist_digits, train_3={"data": data, "path": "0/od\nd.png"})
    validated()
    with pytest.raises(UserError, match=rf"^0/od\\nd\.png of the train split: {words}"):
        preprocess.main()
    assert not paths.PROCESSED.exists()


def test_a_split_without_pictures_is_named_and_nothing_is_written(workspace, mnist_digits):
    raw(mnist_digits)
    validated(*(("validation", row) for row in range(20)))
    with pytest.raises(
        UserError, match=r"all pictures of the validation split are quarantined: data/interim/quarantine\.csv has"
    ):
        preprocess.main()
    assert not paths.PROCESSED.exists()


def test_data_that_failed_validation_stops_it(workspace, mnist_digits):
    raw(mnist_digits)
    validated(success=False)
    with pytest.raises(UserError, match=r"metrics/validate\.json: the data fails a critical expectation"):
        preprocess.main()
    assert not paths.PROCESSED.exists()


def test_the_same_data_give_the_same_bytes(workspace, mnist_digits):
    raw(mnist_digits)
    validated()
    made = []
    for _ in range(2):
        preprocess.main()
        files = [*paths.PROCESSED.iterdir(), paths.NON_DIGITS, paths.NON_DIGIT_SAMPLES]
        files += [paths.PAGE_CUTS, paths.PAGE_CUT_SAMPLES]
        made.append({path.name: path.read_bytes() for path in files})
    assert made[0] == made[1]
    assert set(made[0]) == {
        *("train.parquet", "validation.parquet", "test.parquet"),
        *("non_digits.parquet", "non_digits.png", "page_cuts.parquet", "page_cuts.png"),
    }
    assert sum(sizes().values()) == sum(SIZES.values())
