"""The validation report names and shows the pictures that fail, on one self-contained page."""

import re
from base64 import b64decode
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from digits.data import pictures, raw_tables
from digits.data.statistics import row_group_statistics
from digits.validation import drift, report
from digits.validation.drift import PROFILE_COLUMNS
from digits.validation.run import ExpectationResult, ValidationRun
from digits.validation.table import PandasTable
from tests.raw import RULE, example
from tests.unit.validation.conftest import BOUNDS

EVIL = "3/<script>alert('x')</script>.png"


def result(name: str, severity: str = "critical", rows: pd.DataFrame | None = None, **changes) -> ExpectationResult:
    """One that passes, unless `rows` with a `finding` fail."""
    unexpected = 0 if rows is None else len(rows)
    content = {
        "name": name,
        "description": f"all about {name}",
        "severity": severity,
        "success": not unexpected,
        "expected": "at least 1",
        "observed": f"{unexpected} of 60",
        "unexpected": unexpected,
        **({} if rows is None else {"failing": rows}),
    }
    return ExpectationResult(**{**content, **changes})


def failing(table: pd.DataFrame, findings: dict[str, str]) -> pd.DataFrame:
    """The rows of the pictures with these paths, with their findings."""
    rows = table[table["path"].isin(findings)]
    return rows.assign(finding=rows["path"].map(findings), name=rows["path"])


@pytest.fixture
def table(workspace, mnist_digits) -> pd.DataFrame:
    """60 real digits, six of each label, as raw data and as the table of their statistics."""
    chosen = np.concatenate([np.flatnonzero(mnist_digits.labels == label)[:6] for label in range(10)])
    examples = [
        example(
            "test" if row % 6 == 0 else "train", pictures.encode_png(mnist_digits.images[at]), f"{row}.png", row // 6
        )
        for row, at in enumerate(chosen)
    ]
    examples[20] = examples[20]._replace(path=EVIL)
    examples[21] = examples[21]._replace(data=b"seven")
    raw_tables.write_raw(examples, RULE)
    return pd.concat(map(row_group_statistics, raw_tables.row_groups()), ignore_index=True)


@pytest.fixture
def write(table):
    """Write the page of the results; returns its text."""

    def make(results: list[ExpectationResult], quarantined: pd.DataFrame | None = None, of=table, **scores) -> str:
        if quarantined is None:
            quarantined = table.head(0).assign(reasons="")
        path = Path("reports/page.html")
        reference = drift.profile(PandasTable(table))
        chances = drift.chances(drift.pairs(PandasTable(of).seen(), reference))
        scores = {**dict.fromkeys(PROFILE_COLUMNS, 0.0), **scores}
        report.write(path, ValidationRun(PandasTable(of), scores, results, chances), quarantined, reference, BOUNDS)
        return path.read_text()

    return make


def row_of(table: pd.DataFrame, path: str) -> int:
    return int(np.flatnonzero(table["path"] == path)[0])


def figures(page: str) -> list[str]:
    """The pictures of the page, without the line ends."""
    return [" ".join(found.split()) for found in re.findall(r"<figure>(.*?)</figure>", page, re.DOTALL)]


def test_the_pictures_of_each_source_are_counted_by_split(write, table):
    page = write([result("ink")], of=table.assign(source=["folder"] * 5 + ["mnist"] * 55))
    counts = table["split"].head(5).value_counts()
    for split in counts.index:
        assert f'<td class="number">{counts[split]}</td>' in page.partition("<td>folder</td>")[2].partition("</tr>")[0]
    assert "<td>mnist</td>" in page


def test_the_page_of_passing_data(write):
    page = write([result("ink"), result("drift of ink", "warning")])
    assert "<strong>Validation passed</strong>" in page
    assert "2 of 2 expectations pass for 60 pictures" in page
    assert "Failed expectations" not in page
    assert figures(page) == []
    assert page.count("✓ pass") == 2


@pytest.mark.parametrize(
    ("severity", "verdict"), [("critical", "Validation failed"), ("warning", "Validation passed, with warnings")]
)
def test_the_pictures_that_fail_are_named_and_shown(write, table, severity, verdict):
    row = row_of(table, "40.png")
    rows = failing(table, {"40.png": "border_changes 0.7"})
    page = write([result("ink"), result("border_changes", severity, rows)])
    assert f"<strong>{verdict}</strong>" in page
    (shown,) = figures(page)
    example = raw_tables.read_rows(Path("data/raw/train.parquet"), "train", {table["row"][row]})[table["row"][row]]
    assert f"<b>train row {table['row'][row]}, label 6</b><br>40.png<br>border_changes 0.7" in shown
    (png,) = re.findall(r'src="data:image/png;base64,([^"]+)"', shown)
    assert np.array_equal(pictures.decode(b64decode(png)).pixels, pictures.decode(example.data).pixels)


def test_a_name_is_escaped(write, table):
    page = write([result("border_changes", rows=failing(table, {EVIL: "<b>bold</b>"}))])
    assert "<script" not in page
    assert "3/&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;.png" in page
    assert "&lt;b&gt;bold&lt;/b&gt;" in page


def test_an_undecodable_picture_is_named(write, table):
    (shown,) = figures(write([result("readable", rows=failing(table, {"21.png": "not a picture (5 bytes)"}))]))
    assert "<img" not in shown
    assert "can't be decoded" in shown
    assert "21.png<br>not a picture (5 bytes)" in shown


def test_twelve_pictures_are_shown_and_all_are_counted(write, table):
    page = write([result("border_changes", rows=table.head(30).assign(finding="border_changes 1"))])
    assert len(figures(page)) == 12
    assert "30 pictures fail, the first 12 are shown" in " ".join(page.split())


def test_quarantined_pictures_are_shown_with_their_reasons(write, table):
    quarantined = table.iloc[[row_of(table, "40.png"), row_of(table, "0.png")]].assign(
        reasons=["ink: ink 0.9", "second"]
    )
    page = write([result("ink")], quarantined)
    assert "Quarantined: 2 pictures" in page
    assert "1 of 1 expectations pass for 60 pictures; 2 pictures quarantined" in page
    assert ["40.png<br>ink: ink 0.9" in figures(page)[0], "test row 0, label 0" in figures(page)[1]] == [True, True]


def test_a_drift_is_in_the_table(write):
    page = write([result("ink")], ink=3.0, extent=0.1)  # of 48 pictures, chance gives more than 0.05
    assert re.search(r'<td>ink</td><td class="number">3\.000</td><td><span class="bar over"', page)
    assert page.count('class="bar over"') == 1


def test_the_page_is_self_contained_and_reproducible(write, table):
    results = [
        result("border_changes", rows=table.head(1).assign(finding="border_changes 0.7")),
        result("pictures", "warning", success=False),
    ]
    page = write(results, table.head(3).assign(reasons="why"))
    assert not re.search(r"https?://|<script|<link (?!rel=\"icon\" href=\"data:,\")|@import|url\(", page)
    assert re.findall(r'src="(?!data:)', page) == []
    assert 'src="data:image/png;base64,' in page
    assert write(results, table.head(3).assign(reasons="why")) == page


def test_labels_that_are_no_digit_are_counted_too(write, table):
    strange = table.copy()
    strange.loc[0, "label"] = 11
    page = write([result("ink")], of=strange)
    assert re.search(r"<tr><td>11</td><td class=\"number\">1</td><td class=\"number\">0</td>", page)


@pytest.mark.parametrize(
    ("results", "quarantined", "words"),
    [
        ([], 0, "0 of 0 expectations pass for 1,234 pictures"),
        ([result("a"), result("b")], 0, "2 of 2 expectations pass for 1,234 pictures"),
        (
            [result("a"), result("b", success=False), result("c", "warning", success=False)],
            0,
            "1 of 3 expectations pass for 1,234 pictures; failed: 1 critical, 1 warning",
        ),
        ([result("a")], 5, "1 of 1 expectations pass for 1,234 pictures; 5 pictures quarantined"),
    ],
)
def test_the_summary_in_one_line(results, quarantined, words):
    run = ValidationRun(PandasTable(pd.DataFrame(index=range(1234))), {}, results)
    assert report.summary(run, quarantined) == words
