"""What is reported of a challenger in the shadow, against counts made here. Some ms each."""

import numpy as np
import pytest
from scipy import stats

from digits.comparison import page, shadow, shadow_text, text
from digits.data.pictures import encode_png
from digits.feedback.items import Report
from digits.feedback.queue import Queue
from digits.feedback.stored_pictures import stored
from digits.prediction import shadow_log as kept
from digits.prediction.shadow_log import ModelPrediction, Pair, ShadowLog, ShadowPredictions

DAY = 1_764_000_000  # 2025-11-24 UTC, in seconds


def picture(number: int) -> bytes:
    pixels = np.zeros((28, 28), np.uint8)
    pixels[4 : 5 + number, 10:14] = 255
    return encode_png(pixels)


def answer(number: int, first: int, second: int, accepted: tuple[bool, bool] = (True, True), day: int = 0):
    answers = (ModelPrediction(label, 0.9, one) for label, one in zip((first, second), accepted, strict=True))
    return ShadowPredictions(DAY + day * kept.DAY, f"r-{number}", stored(picture(number)).sha256, *answers)


def labelled(folder, labels: dict[int, str]) -> Queue:
    queue = Queue(folder)
    for number, label in labels.items():
        queue.add(picture(number), Report((f"f-{number}",), None, 1, 0.5, True, None, "1"))
        queue.decide(stored(picture(number)).sha256, label, "somebody")
    return queue


ANSWERS = [
    answer(0, 1, 1),
    answer(0, 1, 1, day=1),
    answer(1, 3, 8),
    answer(2, 3, 8, (False, True)),
    answer(3, 4, 9, (False, True)),
    answer(4, 5, 5, (False, False)),
    answer(5, 7, 1, day=2),
]
LABELS = {0: "1", 1: "8", 2: "3", 3: "9", 4: "6", 5: "drop"}


def test_it_counts_each_picture_once_and_who_was_right(tmp_path):
    found = shadow.compare(sorted(ANSWERS), len(ANSWERS), labelled(tmp_path, LABELS).items())
    assert (found.answers, found.pictures, found.since, found.until) == (7, 6, "2025-11-24", "2025-11-26")
    assert (found.differing[0], sorted(found.differing)) == ((3, 8, 2), [(3, 8, 2), (4, 9, 1), (7, 1, 1)])
    assert found.accepted == (3 / 6, 5 / 6)
    assert found.more_accepted[0] == pytest.approx(2 / 6)
    assert found.corrected[:4] == (1, 1, 2, 1)  # the dropped one has no label
    assert found.corrected.chance == pytest.approx(stats.binomtest(1, 3).pvalue) == 1.0


def test_the_last_answers_to_a_picture_count(tmp_path):
    found = shadow.compare([answer(1, 3, 8), answer(1, 3, 3, day=1)], 2, [])
    assert (found.pictures, found.differing) == (1, [])


def test_the_table_has_the_most_frequent_pairs_of_labels():
    rare = [answer(number, 0, number % 9 + 1) for number in range(18)]
    found = shadow.compare(rare, 18, [])._replace(differing=[(0, 1, 9 - number) for number in range(12)])
    assert [row[2] for row in shadow_text.label_rows(found)] == [str(9 - number) for number in range(10)]
    assert shadow_text.differences(found).endswith("The table has the 10 most frequent of 12 pairs of labels.")


def test_the_services_of_all_ports_are_read_in_both_directions(tmp_path):
    for port, pair in (("5001", Pair("1", "a", "2", "b")), ("5002", Pair("2", "b", "1", "a"))):
        (tmp_path / port).mkdir()
        log = ShadowLog(tmp_path / port)
        log.add(pair, [answer(int(port), 3, 8)])
        log.close()
    found = shadow.find(tmp_path, "a", "b", [])
    assert (found.answers, found.by_first) == (2, 1)
    assert found.differing in ([(3, 8, 1)], [(8, 3, 1)])  # one picture, of which the last answers count
    assert shadow.find(tmp_path, "a", "c", []) is None


@pytest.mark.parametrize(
    ("counts", "words"),
    [
        ((0, 0, 9, 0), "B is right on more of them than chance explains (McNemar's exact test, two-sided: p = 0.0039)"),
        ((5, 9, 0, 1), "A is right on more of them than chance explains"),
        (
            (0, 1, 3, 0),
            "neither is right on more of them than chance explains (McNemar's exact test, two-sided: p = 0.62)",
        ),
        ((0, 0, 0, 0), "None of them was reported as misread and labelled"),
    ],
)
def test_who_was_right_is_a_sentence(counts, words):
    differing = counts[1] + counts[2]
    chance = stats.binomtest(counts[1], differing).pvalue if differing else 1.0
    found = shadow.compare(ANSWERS, len(ANSWERS), [])._replace(corrected=shadow.Corrected(*counts, chance))
    assert words in shadow_text.corrected(found)


@pytest.mark.parametrize(
    ("by_first", "words"),
    [
        (len(ANSWERS), "They show which mistakes of A B repairs, not those that it adds"),
        (0, "They show which mistakes of B A repairs, not those that it adds"),
        (1, "each of these pictures counts against the model that answered it"),
    ],
)
def test_it_says_what_reported_pictures_can_show(tmp_path, by_first, words):
    found = shadow.compare(ANSWERS, by_first, labelled(tmp_path, LABELS).items())
    assert words in shadow_text.corrected(found)


def test_the_document_and_the_page_have_the_section(models, compared, in_project, tmp_path):
    asked = ("1", "2")
    assert "In the shadow" not in text.document(asked, models, compared)
    found = shadow.compare(sorted(ANSWERS), len(ANSWERS), labelled(tmp_path, LABELS).items())
    document = text.document(asked, models, compared, found)
    section = document[document.index("## In the shadow") : document.index("## Slices")]
    assert "6 pictures that the service answered with both, in 7 answers, 2025-11-24 to 2025-11-26 (UTC)" in section
    assert "A accepts 50.00%, B 83.33%: a difference of +33.33 points (" in section
    assert "The labels differ on 4 (66.67%).\n" in section
    assert "| 3        | 8        | 2          |" in section
    assert "| B alone | 2          |" in section
    page.write(tmp_path / "a.html", asked, models, compared, found)
    written = (tmp_path / "a.html").read_text()
    assert "<h2>In the shadow</h2>" in written
    assert "People labelled 5 of them" in written
