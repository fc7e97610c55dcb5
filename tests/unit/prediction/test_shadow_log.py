"""The answers of champion and challenger in SQLite. Some ms each."""

import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from digits.errors import UserError
from digits.prediction import shadow_log
from digits.prediction.shadow_log import ModelPrediction, Pair, ShadowLog, ShadowPredictions

PAIR = Pair("1", "a" * 64, "2", "b" * 64)


def answer(when: int, request_id: str = "r-1", sha256: str = "0f" * 32) -> ShadowPredictions:
    return ShadowPredictions(when, request_id, sha256, ModelPrediction(3, 0.5, False), ModelPrediction(7, 0.99, True))


def test_answers_come_back_by_the_models_files_from_all_services(tmp_path):
    folders = [tmp_path / name for name in ("5001", "5002")]
    for place, folder in enumerate(folders):
        folder.mkdir()
        log = ShadowLog(folder)
        log.add(PAIR, [answer(20 - place), answer(30 - place, "r-2")])
        log.add(Pair("2", "b" * 64, "1", "a" * 64), [answer(5)])
        log.close()
    files = [folder / shadow_log.FILE for folder in folders]
    found = shadow_log.read(files, "a" * 64, "b" * 64)
    assert found == [answer(19), answer(20), answer(29, "r-2"), answer(30, "r-2")]
    assert shadow_log.read(files, "b" * 64, "a" * 64) == [answer(5), answer(5)]
    assert shadow_log.read(files, "a" * 64, "c" * 64) == []


def test_several_processes_add_together(tmp_path):
    def add(_: int) -> None:
        log = ShadowLog(tmp_path)
        for when in range(20):
            log.add(PAIR, [answer(when)])
        log.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(add, range(4)))
    assert len(shadow_log.read([tmp_path / shadow_log.FILE], "a" * 64, "b" * 64)) == 80


def test_old_answers_are_removed(tmp_path):
    now = int(time.time())
    log = ShadowLog(tmp_path)
    log.add(PAIR, [answer(now - 3 * shadow_log.DAY), answer(now - shadow_log.DAY)])
    assert shadow_log.expire(tmp_path / shadow_log.FILE, 2) == 1
    assert [one.time for one in shadow_log.read([tmp_path / shadow_log.FILE], "a" * 64, "b" * 64)] == [
        now - shadow_log.DAY
    ]
    log.close()


def test_a_file_that_is_removed_is_created_again(tmp_path):
    log = ShadowLog(tmp_path)
    log.add(PAIR, [answer(1)])
    for path in tmp_path.iterdir():
        path.unlink()
    log.add(PAIR, [answer(2)])
    log.close()
    assert [one.time for one in shadow_log.read([tmp_path / shadow_log.FILE], "a" * 64, "b" * 64)] == [2]


def test_a_damaged_database_and_one_of_another_version_are_errors(tmp_path):
    path = tmp_path / shadow_log.FILE
    path.write_bytes(b"no database" * 100)
    with pytest.raises(UserError, match=r"shadow\.db can't be used: file is not a database; remove it"):
        shadow_log.read([path], "a" * 64, "b" * 64)
    path.unlink()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version = 9")
    connection.close()
    with pytest.raises(UserError, match=r"shadow\.db has schema version 9, and this version of digits expects 1"):
        shadow_log.read([path], "a" * 64, "b" * 64)


def test_there_are_no_pictures_in_it(tmp_path):
    ShadowLog(tmp_path).add(PAIR, [answer(1)])
    connection = sqlite3.connect(tmp_path / shadow_log.FILE)
    columns = {row[1] for row in connection.execute("PRAGMA table_info(predictions)")}
    connection.close()
    assert columns == {
        "time",
        "pair",
        "request_id",
        "picture",  # the SHA-256 of its pixels
        *(f"{who}_{what}" for who in ("champion", "challenger") for what in ("label", "probability", "accepted")),
    }
