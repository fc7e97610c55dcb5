"""Files of predictions: their columns and types; and the log: what is kept of it, and when it starts afresh."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from digits.errors import UserError
from digits.prediction import files
from digits.prediction.batches import Prediction

TEN = [0.01] * 7 + [0.91] + [0.01] * 2
ROWS = [
    Prediction('a "b",\n7.png', 7, 0.91, True, None, None, TEN),
    Prediction("é.png", error="not a picture"),
    Prediction("6.png", 6, 0.5, False, "probability 50.0% is below 90.0%", None, TEN),
]
ORIGIN = {"champion": "a", "pictures": "b", "--min-probability": 0.9}


def test_csv_has_exactly_its_six_columns(tmp_path):
    assert files.write(tmp_path / "new" / "a.csv", ROWS) == {"read": 1, "refused": 1, "failed": 1}
    assert (tmp_path / "new" / "a.csv").read_text(encoding="utf-8") == (
        'path,label,probability,accepted,reason,error\n"a ""b"",\n7.png",7,0.91,True,,\n'
        "é.png,,,,,not a picture\n6.png,6,0.5,False,probability 50.0% is below 90.0%,\n"
    )


def test_json_lines_have_all_probabilities(tmp_path):
    files.write(tmp_path / "a.jsonl", ROWS)
    found = [json.loads(line) for line in (tmp_path / "a.jsonl").read_text(encoding="utf-8").splitlines()]
    assert found == [one._asdict() for one in ROWS]


def test_parquet_has_types_and_nulls(tmp_path, monkeypatch):
    monkeypatch.setattr(files, "ROWS_PER_GROUP", 2)
    assert files.write(tmp_path / "a.parquet", ROWS * 2 + ROWS[:1])["failed"] == 2
    table = pq.read_table(tmp_path / "a.parquet")
    text, numbers = pa.string(), pa.float64()
    assert table.schema.types == [text, pa.int8(), numbers, pa.bool_(), text, text, pa.list_(numbers)]
    assert [tuple(row[name] for name in Prediction._fields) for row in table.to_pylist()] == ROWS * 2 + ROWS[:1]


@pytest.mark.parametrize("name", ["a.txt", "a", "a.csv.gz"])
def test_another_suffix_is_an_error_with_the_allowed_ones(tmp_path, name):
    with pytest.raises(UserError, match=r"expected one of \.csv, \.jsonl, \.parquet"):
        files.check(tmp_path / name, files.WRITERS)


def test_the_log_of_a_killed_run_is_kept(tmp_path):
    out = tmp_path / "a.csv"
    log = files.PredictionLog(out, ORIGIN)
    log.append(ROWS)
    log.append(ROWS[:1])
    del log  # as where the process ends
    with files.log_path(out).open("ab") as file:
        file.write(b'[["half of a li')
    log = files.PredictionLog(out, ORIGIN)
    assert (log.batches, log.pictures, log.changed) == (2, 4, [])
    log.append(ROWS[1:])
    assert list(log.predictions()) == [*ROWS, *ROWS]
    log.remove()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("changed", ORIGIN)
def test_the_log_of_another_run_is_dropped(tmp_path, changed):
    log = files.PredictionLog(tmp_path / "a.csv", ORIGIN)
    log.append(ROWS)
    del log
    log = files.PredictionLog(tmp_path / "a.csv", {**ORIGIN, changed: "another"})
    assert (log.batches, log.changed, list(log.predictions())) == (0, [changed], [])


def test_a_log_whose_first_line_is_incomplete_is_dropped(tmp_path):
    files.log_path(tmp_path / "a.csv").write_text('{"champion"')
    log = files.PredictionLog(tmp_path / "a.csv", ORIGIN)
    assert (log.batches, log.changed, list(log.predictions())) == (0, [], [])


def test_two_processes_do_not_write_one_file(tmp_path):
    log = files.PredictionLog(tmp_path / "a.csv", ORIGIN)
    with pytest.raises(UserError, match=r"another process writes .*a\.csv"):
        files.PredictionLog(tmp_path / "a.csv", ORIGIN)
    log.remove()
