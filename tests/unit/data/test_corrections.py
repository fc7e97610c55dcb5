"""Corrections of labels: what a file may hold, and which pictures they change; a tenth of a second."""

import csv
import hashlib

import numpy as np
import pandas as pd
import pytest

from digits import paths
from digits.data import corrections, dataset, pictures, raw_tables, sources
from digits.data.corrections import Correction
from digits.data.sources import SourcePicture
from digits.data.statistics import row_group_statistics
from digits.errors import UserError
from digits.validation import label_corrections
from pipeline import ingest
from tests.raw import read_raw, set_params

HASHES = [hashlib.sha256(bytes([n])).hexdigest() for n in range(3)]
HEADER = "sha256,old,new,who,when,why\n"
ROW = f"{HASHES[0]},3,5,Ada,2026-11-29,"


@pytest.fixture
def path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    paths.EXTERNAL.mkdir(parents=True)
    return paths.CORRECTIONS


def test_what_is_written_is_read(path):
    given = [
        Correction(HASHES[0], "3", "5", "Ada", "2026-11-29", "a, “b”"),
        Correction(HASHES[1], "0", "drop", "", "", ""),
    ]
    corrections.write(given)
    assert corrections.read() == {one.sha256: one for one in given}


def test_without_a_file_there_are_none(path):
    assert corrections.read() == {}


def test_a_file_of_a_spreadsheet_is_read(path):
    path.write_bytes(f"\ufeff{HEADER.strip()},note\r\n{ROW}, x\r\n,,,,,,\r\n\r\n".encode())
    assert corrections.read() == {HASHES[0]: Correction(HASHES[0], "3", "5", "Ada", "2026-11-29", "")}


def test_other_columns_of_the_file_are_kept(path):
    path.write_text(f"{HEADER.strip()},note\n{ROW},a loop\n")
    (given,) = corrections.read().values()
    corrections.write([given._replace(sha256=HASHES[1]), given._replace(new="8")])
    assert path.read_text().splitlines() == [
        f"{HEADER.strip()},note",
        f"{ROW},".replace(HASHES[0], HASHES[1]),
        f"{ROW},a loop".replace(",5,", ",8,"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "row 1 has the columns none, without sha256, old, new, who, when, why; expected sha256, old, new"),
        (HEADER.replace(",", ";"), "row 1 has the columns sha256;old;new;who;when;why, without sha256, old"),
        (HEADER.replace(",why", ""), "row 1 has the columns sha256, old, new, who, when, without why; expected"),
        (
            HEADER + ROW + ",",
            "row 2 has 7 fields; expected 6, as row 1: a text with a comma is written in double",
        ),
        (HEADER + f"\n{ROW[1:]}", "row 3: sha256 is '" + HASHES[0][1:] + "'; expected 64 hexadecimal digits"),
        (HEADER + ROW.replace(",3,", ",x,"), "row 2: old is 'x'; expected a digit, 0 to 9"),
        (HEADER + ROW.replace(",5,", ",10,"), "row 2: new is '10'; expected another digit than 3, or drop"),
        (HEADER + ROW.replace(",5,", ",3,"), "row 2: new is '3'; expected another digit than 3, or drop"),
        (HEADER + ROW.replace(",5,", ",,"), "row 2: new is ''; expected another digit than 3, or drop"),
        (
            HEADER + f"{ROW}\n{ROW.replace(',5,', ',8,')}",
            f"row 3 corrects the picture {HASHES[0][:12]}… from 3 to 8, an",
        ),
        (HEADER + ROW.replace("Ada", '"Ada'), "is not a CSV file: unexpected end of data; expected comma-separated"),
    ],
)
def test_a_fault_is_named_with_its_row(path, content, words):
    path.write_text(content)
    with pytest.raises(UserError) as error:
        corrections.read()
    assert str(error.value).startswith(f"data/external/corrections.csv{'' if words.startswith('is') else ':'} {words}")


def test_another_encoding_is_named_with_its_row(path):
    path.write_bytes((HEADER + ROW + "für\n").encode("latin-1"))
    with pytest.raises(UserError, match=r"corrections.csv: row 2 is not UTF-8: save the file as “CSV UTF-8”"):
        corrections.read()


@pytest.fixture
def source(workspace, mnist_digits, monkeypatch) -> list[SourcePicture]:
    """60 real digits, six of each label."""
    rows = [row for label in range(10) for row in np.flatnonzero(mnist_digits.labels == label)[:6]]
    given = [
        SourcePicture(pictures.encode_png(mnist_digits.images[row]), f"{row}.png", int(mnist_digits.labels[row]))
        for row in rows
    ]
    monkeypatch.setitem(sources.SOURCES, "mine", lambda params: iter(given))
    set_params("ingest", sources=["mine"])
    return given


def ingested() -> dict[str, tuple[str, int]]:
    ingest.main()
    return {one.path: (split, one.label) for split in dataset.SPLITS for one in read_raw(split)}


def correction(picture: SourcePicture, old: int, new: str) -> Correction:
    return Correction(pictures.pixel_digest(picture.data).hex(), str(old), new, "Ada", "2026-11-29", "seen")


def test_ingest_applies_them_moves_no_picture_and_lists_what_each_did(source, capsys):
    before = ingested()
    zero, one, two, three, *_ = source[::6]
    unknown = Correction(HASHES[0], "3", "5", "Ada", "2026-11-29", "")
    given = [
        correction(zero, 0, "6"),
        correction(one, 1, "drop"),
        correction(two, 7, "3"),
        correction(three, 8, "3"),
        unknown,
    ]
    corrections.write(given)
    capsys.readouterr()
    after = ingested()
    expected = {**before, zero.path: (before[zero.path][0], 6)}
    del expected[one.path]
    assert after == expected
    printed = capsys.readouterr().out
    assert (
        "corrections: 1 corrected, 1 dropped, 1 not needed, 1 in conflict with the source, 1 not found; "
        "data/raw/corrections.csv lists them"
    ) in printed
    assert f"warning: {two.path}: the correction from 7 to 3 is not applied, as the source says 2: change" in printed
    with paths.CORRECTION_EFFECTS.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["path"], row["label"], row["effect"]) for row in rows] == [
        (zero.path, "0", "corrected"),
        (one.path, "1", "dropped"),
        (two.path, "2", "conflict"),
        (three.path, "3", "not needed"),
        ("", "", "not found"),
    ]
    assert [row["split"] for row in rows] == [*(before[of.path][0] for of in (zero, one, two, three)), ""]
    assert rows[0] | given[0]._asdict() == rows[0]
    table = pd.concat(map(row_group_statistics, raw_tables.row_groups()), ignore_index=True)
    found = label_corrections.conflict(table, label_corrections.read(table["label"].value_counts().to_dict())).dropna()
    assert dict(zip(table["path"][found.index], found, strict=True)) == {
        two.path: "corrected from 7 to 3, but the source says 2"
    }


def test_a_digest_that_ends_in_zeros_is_matched():
    digests = np.array([b"a" * 31 + b"\0", b"b" * 30 + b"\0\0"], "S32")
    given = {one.hex(): Correction(one.hex(), "3", "5", "", "", "") for one in (b"b" * 30 + b"\0\0",)}
    (match,) = corrections.match(given, digests, np.array([3, 3]))
    assert (match.row, match.effect) == (1, "corrected")


def test_without_corrections_ingest_writes_no_list(source):
    ingested()
    assert not paths.CORRECTION_EFFECTS.exists()


def test_a_broken_file_stops_ingest_before_any_picture_is_read(source, monkeypatch):
    paths.EXTERNAL.mkdir()
    paths.CORRECTIONS.write_text("sha256,old\n")
    monkeypatch.setitem(sources.SOURCES, "mine", lambda params: pytest.fail("a picture was read"))
    with pytest.raises(UserError, match=r"data/external/corrections.csv: row 1 has the columns sha256, old, without"):
        ingest.main()
