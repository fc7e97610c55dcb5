"""Every picture becomes the canonical digit, by the one function, in its split."""

import json
from pathlib import Path

import numpy as np
import pytest

from digits import dataset, pictures
from digits.canonical import canonical
from digits.errors import UserError
from pipeline import preprocess
from tests.pipeline.raw import BLANK, SIZES, raw


def validated(*aside: tuple[str, int], success: bool = True) -> None:
    """What validate leaves for this stage: its verdict, and which rows were set aside."""
    Path("metrics").mkdir()
    Path("metrics/validate.json").write_text(json.dumps({"success": success}))
    rows = "".join(f"{split},{row},x.png,3,why\n" for split, row in aside)
    Path("data/quarantine.csv").write_text(f"split,row,path,label,reasons\n{rows}")


def sizes() -> dict[str, int]:
    return {split: len(dataset.read_prepared(split).labels) for split in ("train", "validation", "test")}


def shown(image: np.ndarray, *, at: int = 18) -> bytes:
    """A digit as somebody might bring it: dark on light, in a larger picture."""
    return pictures.write(np.pad(255 - image, at, constant_values=255))


def test_preprocess_writes_the_canonical_digits(workspace, mnist_digits):
    raw(mnist_digits, test_0={"data": shown(mnist_digits.images[0])})
    validated()
    preprocess.main()
    assert sizes() == {"train": 140, "validation": 20, "test": 40}
    test = dataset.read_prepared("test")
    # Parity: the stage made of each picture what the one function makes of it.
    for example, image, label in zip(dataset.read_raw("test"), test.images, test.labels, strict=True):
        assert np.array_equal(image, canonical(pictures.read(example.data).grey[None])[0])
        assert label == example.label
    assert np.array_equal(test.images[0], mnist_digits.images[0])
    assert np.bincount(dataset.read_prepared("validation").labels).tolist() == [2] * 10
    assert Path("reports/figures/samples.png").is_file()


def test_pictures_keep_their_order_whatever_their_sizes(workspace, mnist_digits, monkeypatch):
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 7)
    monkeypatch.setattr(pictures, "STACK", 3000)
    chosen = mnist_digits.images[mnist_digits.labels == 0][:4]
    raw(mnist_digits, **{f"test_{row}": {"data": shown(image, at=5 + row % 2)} for row, image in enumerate(chosen)})
    validated()
    preprocess.main()
    for split in ("test", "train"):
        expected = [(example.label, pictures.digit(example.data).tobytes()) for example in dataset.read_raw(split)]
        names = ["test"] if split == "test" else ["train", "validation"]
        prepared = [dataset.read_prepared(name) for name in names]
        found = [
            (int(label), image.tobytes()) for of in prepared for image, label in zip(of.images, of.labels, strict=True)
        ]
        assert (found if split == "test" else sorted(found)) == (expected if split == "test" else sorted(expected))


def test_rows_that_were_set_aside_are_left_out_even_where_they_cant_be_read(workspace, mnist_digits):
    raw(mnist_digits, train_3={"data": b"seven"}, test_39={"data": BLANK}, test_0={"label": 11})
    validated(("train", 3), ("test", 39), ("test", 0))
    preprocess.main()
    assert sizes() == {"train": 139, "validation": 20, "test": 38}
    raw_test = list(dataset.read_raw("test"))[1:39]
    test = dataset.read_prepared("test")
    assert test.labels.tolist() == [example.label for example in raw_test]
    assert [image.tobytes() for image in test.images] == [pictures.read(e.data).grey.tobytes() for e in raw_test]
    assert np.bincount(dataset.read_prepared("train").labels).tolist() == [13] + [14] * 9


def test_a_whole_piece_may_be_set_aside(workspace, mnist_digits, monkeypatch):
    monkeypatch.setattr(dataset, "ROWS_PER_GROUP", 20)
    raw(mnist_digits)
    validated(*(("test", row) for row in range(20)))
    preprocess.main()
    assert sizes() == {"train": 140, "validation": 20, "test": 20}


@pytest.mark.parametrize(
    ("data", "words"),
    [(BLANK, "blank: its contrast is 0 of 255"), (b"seven", r"not a picture \(5 bytes\)")],
    ids=["blank", "unreadable"],
)
def test_a_picture_without_a_digit_is_named_and_nothing_is_written(workspace, mnist_digits, data, words):
    raw(mnist_digits, train_3={"data": data, "path": "0/od\nd.png"})
    validated()
    with pytest.raises(UserError, match=rf"^0/od\\nd\.png of the train split: {words}"):
        preprocess.main()
    assert not Path("data/processed").exists()


def test_data_that_do_not_hold_stop_it(workspace, mnist_digits):
    raw(mnist_digits)
    validated(success=False)
    with pytest.raises(UserError, match=r"metrics/validate\.json says that the data do not meet the expectations"):
        preprocess.main()
    assert not Path("data/processed").exists()


def test_the_same_data_give_the_same_bytes(workspace, mnist_digits):
    raw(mnist_digits)
    validated()
    made = []
    for _ in range(2):
        preprocess.main()
        made.append({path.name: path.read_bytes() for path in Path("data/processed").iterdir()})
    assert made[0] == made[1]
    assert set(made[0]) == {"train.parquet", "validation.parquet", "test.parquet"}
    assert sum(sizes().values()) == sum(SIZES.values())
