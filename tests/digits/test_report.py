"""The validation report names and shows what does not hold, on one page that needs no other file."""

import re
from base64 import b64decode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from digits import dataset, drift, pictures, report
from digits.dataset import Example
from digits.drift import PROFILED
from digits.expectations import Outcome
from digits.measurements import measure
from digits.params import load

BOUNDS = load(Path(__file__).parents[2] / "params.yaml").validate_.expectations
EVIL = "3/<script>alert('x')</script>.png"


def outcome(name: str, severity: str = "critical", rows: dict[int, str] | None = None, **changes) -> Outcome:
    """One that holds, unless `rows` say what was found of which picture."""
    rows = rows or {}
    content = {
        "name": name,
        "about": f"all about {name}",
        "severity": severity,
        "success": not rows,
        "expected": "at least 1",
        "observed": f"{len(rows)} of 60",
        "rows": list(rows),
        "found": list(rows.values()),
    }
    return Outcome(**{**content, **changes})


@pytest.fixture
def table(workspace, mnist_digits) -> pd.DataFrame:
    """60 real digits, six of each label, as raw data and as the table of what is measured of them."""
    chosen = np.concatenate([np.flatnonzero(mnist_digits.labels == label)[:6] for label in range(10)])
    examples = [
        Example("test" if row % 6 == 0 else "train", pictures.write(mnist_digits.images[at]), f"{row}.png", row // 6)
        for row, at in enumerate(chosen)
    ]
    examples[20] = examples[20]._replace(path=EVIL)
    examples[21] = examples[21]._replace(data=b"seven")
    dataset.write_raw(examples)
    read = [example for split in ("train", "test") for example in dataset.read_raw(split)]
    place = pd.DataFrame({"split": [one.split for one in read], "path": [one.path for one in read]})
    place["label"] = [one.label for one in read]
    place["row"] = place.groupby("split").cumcount()
    return place.join(measure([one.data for one in read]))


@pytest.fixture
def write(table):
    """Write the page of the outcomes; returns its text."""

    def make(outcomes: list[Outcome], aside: pd.DataFrame | None = None, of: pd.DataFrame = table, **moved) -> str:
        quarantined = table.head(0).assign(reasons="") if aside is None else aside
        reference = drift.profile(table)
        path = Path("reports/page.html")
        report.write(path, of, outcomes, quarantined, {**dict.fromkeys(PROFILED, 0.0), **moved}, reference, BOUNDS)
        return path.read_text()

    return make


def place_of(table: pd.DataFrame, path: str) -> int:
    return int(np.flatnonzero(table["path"] == path)[0])


def figures(page: str) -> list[str]:
    """The pictures of the page, without the line ends."""
    return [" ".join(found.split()) for found in re.findall(r"<figure>(.*?)</figure>", page, re.DOTALL)]


def test_a_page_of_data_that_hold(write):
    page = write([outcome("ink"), outcome("drift of ink", "warning")])
    assert "<strong>The data hold</strong>" in page
    assert "2 of 2 expectations hold for 60 pictures" in page
    assert "What does not hold" not in page
    assert figures(page) == []
    assert page.count("✓ holds") == 2


@pytest.mark.parametrize(
    ("severity", "verdict"), [("critical", "The data do not hold"), ("warning", "The data hold, with warnings")]
)
def test_the_pictures_that_do_not_hold_are_named_and_shown(write, table, severity, verdict):
    row = place_of(table, "40.png")
    page = write([outcome("ink"), outcome("border", severity, {row: "border 0.7"})])
    assert f"<strong>{verdict}</strong>" in page
    (shown,) = figures(page)
    example = dataset.pick(Path("data/raw/train.parquet"), "train", {table["row"][row]})[table["row"][row]]
    assert f"<b>train row {table['row'][row]}, label 6</b><br>40.png<br>border 0.7" in shown
    (png,) = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
    assert np.array_equal(pictures.read(b64decode(png)).grey, pictures.read(example.data).grey)


def test_the_rows_are_those_of_the_table_and_not_of_its_index(write, table):
    rest = table.drop(index=range(10)).reset_index(drop=True)
    row = place_of(rest, "40.png")
    assert row != place_of(table, "40.png")
    (shown,) = figures(write([outcome("border", rows={row: "border 0.7"})], of=rest))
    assert f"train row {rest['row'][row]}, label 6" in shown


def test_a_name_is_escaped(write, table):
    page = write([outcome("border", rows={place_of(table, EVIL): "<b>bold</b>"})])
    assert "<script" not in page
    assert "3/&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;.png" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_what_cant_be_shown_is_still_named(write, table):
    (shown,) = figures(write([outcome("readable", rows={place_of(table, "21.png"): "not a picture (5 bytes)"})]))
    assert "<img" not in shown
    assert "can't be shown" in shown
    assert "21.png<br>not a picture (5 bytes)" in shown


def test_twelve_pictures_are_shown_and_all_are_counted(write):
    page = write([outcome("border", rows={row: f"border {row}" for row in range(30)})])
    assert len(figures(page)) == 12
    assert "30 pictures do not hold, the first 12 are shown" in " ".join(page.split())


def test_pictures_set_aside_are_shown_with_their_reasons(write, table):
    aside = table.iloc[[place_of(table, "40.png"), place_of(table, "0.png")]].assign(reasons=["ink: ink 0.9", "second"])
    page = write([outcome("ink")], aside)
    assert "Set aside: 2 pictures" in page
    assert "1 of 1 expectations hold for 60 pictures; 2 pictures set aside" in page
    assert ["40.png<br>ink: ink 0.9" in figures(page)[0], "test row 0, label 0" in figures(page)[1]] == [True, True]


def test_a_drift_is_in_the_table(write):
    page = write([outcome("ink")], ink=0.3)
    assert re.search(r'<td>ink</td><td class="number">0\.300</td><td><span class="bar over"', page)
    assert page.count('class="bar over"') == 1


def test_the_page_needs_no_other_file_and_comes_out_the_same(write, table):
    outcomes = [outcome("border", rows={0: "border 0.7"}), outcome("pictures", "warning", success=False)]
    page = write(outcomes, table.head(3).assign(reasons="why"))
    assert not re.search(r"https?://|<script|<link (?!rel=\"icon\" href=\"data:,\")|@import|url\(", page)
    assert re.findall(r'src="(?!data:)', page) == []
    assert 'src="data:image/png;base64,' in page
    assert write(outcomes, table.head(3).assign(reasons="why")) == page


def test_labels_that_are_no_digit_are_counted_too(write, table):
    strange = table.copy()
    strange.loc[0, "label"] = 11
    page = write([outcome("ink")], of=strange)
    assert re.search(r"<tr><td>11</td><td class=\"number\">1</td><td class=\"number\">0</td>", page)


@pytest.mark.parametrize(
    ("outcomes", "aside", "words"),
    [
        ([], 0, "0 of 0 expectations hold for 1,234 pictures"),
        ([outcome("a"), outcome("b")], 0, "2 of 2 expectations hold for 1,234 pictures"),
        (
            [outcome("a"), outcome("b", rows={1: "x"}), outcome("c", "warning", {1: "x"})],
            0,
            "1 of 3 expectations hold for 1,234 pictures; missed: 1 critical, 1 warnings",
        ),
        ([outcome("a")], 5, "1 of 1 expectations hold for 1,234 pictures; 5 pictures set aside"),
    ],
)
def test_the_verdict_in_one_line(outcomes, aside, words):
    assert report.summary(outcomes, 1234, aside) == words
