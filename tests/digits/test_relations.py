"""What pictures are to one another: each column on tables worked out by hand, and on 5,000 real digits."""

from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from digits import pictures, relations
from digits.measurements import measure
from digits.relations import RELATIONS, relate

NEAR, UNLIKE = 0.06, 2.05  # the shipped bounds


def table(*rows: dict) -> pd.DataFrame:
    """A table of pictures that differ in what the rows say, and have nothing to do with one another otherwise."""
    usual = {"split": "train", "label": 0, "format": "PNG", "dark_ink": 0.0, "thumbnail": None}
    made = [
        {**usual, "path": f"{n}.png", "picture": f"hash {n}", **row, "name": f"picture {n}"}
        for n, row in enumerate(rows)
    ]
    return pd.DataFrame(made)


def found(column: str, *rows: dict) -> dict[int, str]:
    """The rows of which something is said in a column, and what; a picture to test on that is none of them follows."""
    return relate(table(*rows, {"split": "test", "dark_ink": np.nan}), NEAR, UNLIKE)[column].dropna().to_dict()


def test_pictures_that_have_nothing_to_do_with_one_another_are_left_alone():
    related = relate(table({}, {}, {"split": "test"}), NEAR, UNLIKE)
    assert list(related)[-len(RELATIONS) :] == RELATIONS
    assert related[RELATIONS].isna().all(axis=None)


@pytest.mark.parametrize(
    ("path", "format", "words"),
    [
        ("3/a.png", "PNG", None),
        ("3/a.jpg", "PNG", "named .jpg, but holds PNG"),
        ("3/a.png", "JPEG", "named .png, but holds JPEG"),
        ("3/a.JPEG", "JPEG", None),
        ("3/a.b.Tif", "TIFF", None),
        ("3/a.pgm", "PPM", None),
        ("3/a.ppm", "PPM", None),
        ("3/a.webp", "GIF", "named .webp, but holds GIF"),
        ("3/a.xyz", "PNG", None),  # it announces nothing
        ("3/a", "PNG", None),
        ("3/a.png", None, None),  # what can't be read is another expectation's
    ],
)
def test_misnamed(path, format, words):
    said = found("misnamed", {}, {"path": path, "format": format})
    assert said == ({} if words is None else {1: words})


@pytest.mark.parametrize(
    ("dark", "light", "words"),
    [
        (0, 10, {}),
        (1, 9, {0: "dark ink on light, among light on dark"}),
        (2, 9, {}),  # more than a tenth: a collection of both
        (9, 1, {9: "light ink on dark, among dark on light"}),
        (10, 0, {}),
    ],
)
def test_odd_ink(dark, light, words):
    assert found("odd_ink", *[{"dark_ink": 1.0}] * dark, *[{"dark_ink": 0.0}] * light) == words


def test_what_cant_be_read_has_no_odd_ink():
    assert found("odd_ink", *[{"dark_ink": 0.0}] * 10, {"dark_ink": np.nan}) == {}
    assert found("odd_ink", {"dark_ink": np.nan}) == {}


def test_copy_of_names_the_first_and_spares_it():
    rows = [{"picture": "a"}, {"picture": "b"}, {"picture": "a"}, {"picture": "a", "split": "test"}, {"picture": "a"}]
    assert found("copy_of", *rows) == {2: "a copy of picture 0", 4: "a copy of picture 0"}


def test_what_cant_be_read_is_no_copy():
    rows = [{"picture": None}, {"picture": None}, {"picture": None, "split": "test", "label": 3}]
    related = relate(table({}, {"split": "test"}, *rows), NEAR, UNLIKE)
    assert related[RELATIONS].isna().all(axis=None)


@pytest.mark.parametrize("rows", [[], [{"split": "test", "picture": None}]], ids=["no test split", "none readable"])
def test_nothing_to_test_on_is_no_error(rows):
    related = relate(table({}, {"picture": None}, *rows), NEAR, UNLIKE)
    assert related[RELATIONS].isna().all(axis=None)


def test_also_in_test_names_the_training_pictures():
    rows = [{"picture": "a"}, {"picture": "a", "split": "test"}, {"picture": "b"}, {"picture": "a"}]
    assert found("also_in_test", *rows) == {0: "also picture 1", 3: "also picture 1"}


def test_other_label_names_both_pictures_in_whatever_split():
    rows = [{"picture": "a", "label": 4}, {"label": 5}, {"picture": "a", "label": 9, "split": "test"}]
    assert found("other_label", *rows) == {0: "also labelled 9: picture 2", 2: "also labelled 4: picture 0"}


def test_other_label_of_three():
    rows = [{"picture": "a", "label": label} for label in (7, 1, 1, 4)]
    assert found("other_label", *rows) == {
        0: "also labelled 1: picture 1",
        1: "also labelled 4: picture 3",
        2: "also labelled 4: picture 3",
        3: "also labelled 1: picture 1",
    }


@pytest.fixture(scope="module")
def real(mnist_digits) -> pd.DataFrame:
    """The 5,000 real digits, every fifth of them to test on."""
    split = np.where(np.arange(5000) % 5 == 0, "test", "train")
    rows = pd.DataFrame({"split": split, "label": mnist_digits.labels, "path": [f"{row}.png" for row in range(5000)]})
    measured = rows.join(measure([pictures.write(image) for image in mnist_digits.images]))
    return measured.assign(name="real " + measured["path"])


def test_of_5000_real_digits_none_is_anything_to_another(real):
    related = relate(real, NEAR, UNLIKE)
    assert related[RELATIONS].notna().sum().to_dict() == dict.fromkeys(RELATIONS, 0)


def jpeg(image: np.ndarray) -> bytes:
    buffer = BytesIO()
    Image.fromarray(image).save(buffer, "JPEG", quality=85)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("again", "at_least"),
    [
        (lambda image: pictures.write(image // 2), 1),
        (lambda image: pictures.write(255 - image), 1),
        (lambda image: pictures.write(np.pad(image, ((9, 3), (4, 20)))), 0.97),
        (lambda image: pictures.write(np.kron(image, np.ones((2, 2), np.uint8))), 0.9),
        (jpeg, 0.9),
    ],
    ids=["dimmed", "inverted", "padded", "enlarged", "as a JPEG"],
)
def test_near_copy_finds_test_pictures_that_came_back_changed(real, mnist_digits, again, at_least):
    originals = np.arange(0, 5000, 25)
    copies = measure([again(mnist_digits.images[row]) for row in originals])
    copies = copies.assign(split="train", label=mnist_digits.labels[originals], path="x.png", name="a copy")
    related = relate(pd.concat([real, copies], ignore_index=True), NEAR, UNLIKE)
    assert related["also_in_test"].isna().all()
    assert related["near_copy"][:5000].isna().all()
    expected = np.array([f"nearly the same as real {row}.png" for row in originals])
    said = related["near_copy"][5000:].fillna("").to_numpy()
    assert set(said) <= {*expected, ""}
    assert (said == expected).mean() >= at_least


def test_near_copy_is_a_matter_of_the_distance():
    def thumbnail(*levels: int) -> bytes:
        return bytes([*levels, *[0] * (196 - len(levels))])

    # (20, 21) / 29 and (21, 20) / 29 are sqrt(2) / 29 = 0.0488 apart; (105, 100) looks as (21, 20) does.
    rows = [
        {"thumbnail": thumbnail(20, 21)},
        {"thumbnail": thumbnail(21, 20), "split": "test"},
        {"thumbnail": thumbnail(105, 100)},
        {"thumbnail": None},
    ]
    words = "nearly the same as picture 1"
    assert relate(table(*rows), 0.01, UNLIKE)["near_copy"].dropna().to_dict() == {2: words}
    assert relate(table(*rows), 0.048, UNLIKE)["near_copy"].dropna().to_dict() == {2: words}
    assert relate(table(*rows), 0.049, UNLIKE)["near_copy"].dropna().to_dict() == {0: words, 2: words}


def test_candidates_are_all_pairs_of_equal_keys_however_many_come_at_once():
    keys = np.array([5, 7, 5, 5, 9, 7, 5])
    test = np.array([False, False, True, True, True, True, False])
    for size in (1, 2, 3, 100):
        pairs = [np.stack(part, axis=1) for part in relations._candidates(keys, test, np.flatnonzero(~test), size)]
        assert sorted(map(tuple, np.concatenate(pairs).tolist())) == [(0, 2), (0, 3), (1, 5), (6, 2), (6, 3)]
    assert all(
        len(trains) == len(tests) == 0 for trains, tests in relations._candidates(keys[:2], test[:2], np.array([0, 1]))
    )


def test_unlike_label_finds_about_half_of_the_wrong_labels_and_nothing_else(real):
    random = np.random.default_rng(0)
    rows = random.choice(5000, 100, replace=False)
    mislabelled = real.copy()
    mislabelled.loc[rows, "label"] = (real["label"][rows] + random.integers(1, 10, 100)) % 10
    said = relate(mislabelled, NEAR, UNLIKE)["unlike_label"].dropna()
    wrong = said.index.isin(rows)
    assert wrong.sum() >= 40
    assert (~wrong).sum() <= 1
    right = [f"looks like a {real['label'][row]}, " in words for row, words in said.items()]
    assert np.mean(right) > 0.9


def test_of_many_look_alikes_each_is_compared_with_a_few_only():
    test = np.arange(3000) % 2 == 0
    pairs = list(relations._candidates(np.zeros(3000, int), test, np.flatnonzero(~test)))
    assert sum(len(trains) for trains, _ in pairs) == 1500 * relations.MET


def test_a_burst_of_look_alikes_is_found_to_the_last(real):
    random = np.random.default_rng(0)
    look = np.frombuffer(real["thumbnail"][17], np.uint8).astype(int)
    rows = [
        {
            "thumbnail": np.clip(look + random.integers(-1, 2, 196), 0, 255).astype(np.uint8).tobytes(),
            "split": "test" if number % 5 == 0 else "train",
        }
        for number in range(2000)
    ]
    related = relate(table(*rows), NEAR, UNLIKE)
    found = related["near_copy"].notna()
    assert found.equals(related["split"] != "test")


def test_every_copy_of_a_near_copy_is_named(real):
    look = np.frombuffer(real["thumbnail"][17], np.uint8)
    dimmed = (look * 0.9).astype(np.uint8).tobytes()
    rows = [{"thumbnail": look.tobytes(), "picture": "same"}] * 3 + [{"thumbnail": dimmed, "split": "test"}]
    assert relate(table(*rows), NEAR, UNLIKE)["near_copy"].notna().tolist() == [True, True, True, False]


def test_a_scarce_label_is_left_out_and_the_others_are_judged(real):
    scarce = real[(real["label"] != 7) | (real.groupby("label").cumcount() < 40)].reset_index(drop=True)
    wrong = np.flatnonzero(scarce["label"] < 5)[::50]
    scarce.loc[wrong, "label"] = (scarce.loc[wrong, "label"] + 1) % 5
    said = relate(scarce, NEAR, UNLIKE)["unlike_label"]
    assert said[wrong].notna().sum() > 15
    assert said[scarce["label"] == 7].isna().all()


def test_unlike_label_says_nothing_where_a_label_has_too_few_to_know_its_look(real):
    few = real.groupby("label").head(40).reset_index(drop=True)
    few.loc[0, "label"] = 1  # a 0
    assert relate(few, NEAR, UNLIKE)["unlike_label"].isna().all()


def test_a_label_that_is_no_digit_is_not_looked_at(real):
    strange = real.copy()
    strange.loc[[3, 700], "label"] = [11, -1]
    assert relate(strange, NEAR, UNLIKE)["unlike_label"].isna().all()


def test_the_same_table_gives_the_same_words(real):
    loose = [relate(real, 0.2, 1.5)[RELATIONS] for _ in range(2)]
    assert loose[0].notna().sum().sum() > 5
    pd.testing.assert_frame_equal(*loose)
