"""The data dictionary and the page of metrics describe what the stages write: each file, column and key, both ways."""

from pathlib import Path

import pandas as pd
import pytest

from digits.data.corrections import EFFECT_COLUMNS, EFFECTS
from digits.data.ingested import DroppedPicture
from digits.data.non_digits import KINDS
from tests.data_dictionary import METRICS, differences, entries, expand, files_without_columns, outputs, tables, within
from tests.imports import ROOT

ENTRIES = entries()
ONLY_SOMETIMES = {"data/raw/dropped.csv": DroppedPicture._fields, "data/raw/corrections.csv": EFFECT_COLUMNS}


def test_every_output_of_a_stage_is_described():
    described = {*ENTRIES, *files_without_columns()}
    assert [out for out in outputs() if not any(Path(path).is_relative_to(out) for path in described)] == []
    assert [path for path in described if not any(Path(path).is_relative_to(out) for out in outputs())] == []


@pytest.mark.parametrize("folder", ["data/raw", "data/processed"])
def test_every_file_of_a_folder_is_described(folder):
    if not (ROOT / folder).exists():
        pytest.skip(f"there is no {folder}: `dvc repro` or `dvc checkout` writes it")
    assert [name for path in (ROOT / folder).iterdir() if (name := f"{folder}/{path.name}") not in ENTRIES] == []


@pytest.mark.parametrize("file", [file for file in ENTRIES if file not in ONLY_SOMETIMES])
def test_every_column_has_an_entry_and_its_values_are_in_range(file):
    if not (ROOT / file).exists():
        pytest.skip(f"there is no {file}: `dvc repro` or `dvc checkout` writes it")
    assert differences(ROOT, file, ENTRIES[file]) == []


def test_the_reference_profile_has_the_keys_of_a_profile():
    assert differences(ROOT, "data/reference.json", ENTRIES["data/interim/profile.json"]) == []


@pytest.mark.parametrize("file", ONLY_SOMETIMES)
def test_a_file_that_is_not_always_there_has_the_columns_that_the_code_writes(file):
    assert [entry.name for entry in ENTRIES[file]] == [*ONLY_SOMETIMES[file]]


def test_each_metric_has_a_definition():
    defined = {row[0]: row[2] for _, rows in tables(METRICS) for row in rows}
    assert len(defined) > 50
    assert [name for name, definition in defined.items() if len(definition) <= 5] == []


def test_the_sets_of_values_are_those_of_the_code():
    ranges = {(file, entry.name): entry.range for file, table in ENTRIES.items() for entry in table}
    for place, values in {
        ("data/interim/non_digits.parquet", "kind"): KINDS,
        ("data/raw/corrections.csv", "effect"): EFFECTS,
    }.items():
        assert ranges[place] == ", ".join(f"`{value}`" for value in values)


@pytest.mark.parametrize(
    "stated", sorted({entry.range for table in ENTRIES.values() for entry in table if entry.range})
)
def test_every_range_has_a_meaning(stated):
    within("" if "`" in stated or "hexadecimal" in stated else 0, stated)


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"coverage": [0.5, 1.0]}, []),
        ({"coverage": [0.5], "other": [1]}, ["table.csv: other has no entry"]),
        ({"other": [1]}, ["table.csv: other has no entry", "table.csv: there is no coverage"]),
        ({"coverage": [0.5, 1.5]}, ["table.csv: coverage has [1.5], its entry says 0 to 1"]),
        ({"coverage": ["high"]}, ["table.csv: coverage is str, its entry says float64"]),
    ],
)
def test_each_kind_of_difference_is_found(tmp_path, columns, expected):
    pd.DataFrame(columns).to_csv(tmp_path / "table.csv", index=False)
    (coverage, *_) = ENTRIES["reports/plots/risk_coverage.csv"]
    assert differences(tmp_path, "table.csv", [coverage]) == expected


def test_braces_stand_for_several_names():
    assert expand("{a,b}.c{,_low}") == ["a.c", "a.c_low", "b.c", "b.c_low"]
