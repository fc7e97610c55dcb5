"""What is measured again and again, and what the service shows of it: gauges and the certificate. Some 0.1 s each."""

import asyncio
import math
import re
import time

import pytest
import requests

from digits.files import read_json, write_json
from digits.serving import metrics
from digits.serving.drift import watch
from digits.serving.drift.watch import Watcher
from digits.serving.service import Service
from tests.served_drift import add, answers, serve_folder, served_sha256
from tests.serving import running, settings


@pytest.fixture
def folder(tmp_path):
    return serve_folder(tmp_path / "served")


@pytest.fixture
def watcher(folder):
    return Watcher(settings(folder))


def gauges(text: str) -> dict[str, float]:
    """The gauges of drift by their name, or by the statistic."""
    found = re.findall(
        r'^(digits_(?:drift|certificate|served|reference)[a-z_]*)(?:{statistic="(\w+)"})? (\S+)$', text, re.M
    )
    return {f"{name} {statistic}".strip(): float(value) for name, statistic, value in found}


def test_the_service_shows_drift_and_withdraws_its_certificate_at_once_and_makes_it_valid_again(folder, watcher):
    add(folder, answers(10))
    watcher.poll()
    with running(settings(folder)) as address:

        def shown(state: str) -> tuple[str, dict[str, float]]:
            end = time.monotonic() + 5
            while True:
                found = requests.get(f"{address}/v1/model", timeout=5).json()["certificate"]["state"]
                if found.startswith(state):
                    return found, gauges(requests.get(f"{address}/metrics", timeout=5).text)
                assert time.monotonic() < end, found
                time.sleep(0.05)

        _, usual = shown("valid")
        add(folder, answers(50, labels=[1], refused=60))
        watcher.poll()
        withdrawn, drifted = shown("withdrawn")
        (folder / "traffic.db").unlink()
        add(folder, answers(10))
        watcher.poll()
        _, again = shown("valid")
    assert re.fullmatch(r"withdrawn: what is served has drifted: label, outcome since [\d-]+ \d\d:\d\d UTC", withdrawn)
    assert usual["digits_drift label"] == 0 < 0.25 < usual["digits_drift_bound label"]
    assert usual["digits_drift_pictures"] == 1000
    assert (usual["digits_served_refused_share"], usual["digits_reference_refused_share"]) == (0.05, 0.05)
    assert drifted["digits_drift label"] > drifted["digits_drift_bound label"]
    assert drifted["digits_served_refused_share"] == pytest.approx((50 * 60 + 50) / 6000)
    assert [one["digits_certificate_valid"] for one in (usual, drifted, again)] == [1, 0, 1]


def test_too_few_pictures_are_nan_so_that_no_alert_fires(folder, watcher):
    add(folder, {"label": {"1": 90}, "outcome": {"accepted": 10, "refused": 80}})
    watcher.poll()
    with running(settings(folder)) as address:
        found = gauges(requests.get(f"{address}/metrics", timeout=5).text)
    assert math.isnan(found["digits_drift outcome"]) and math.isnan(found["digits_drift_bound ink"])
    assert math.isnan(found["digits_served_refused_share"])
    assert (found["digits_drift_pictures"], found["digits_certificate_valid"]) == (90, 1)


def test_the_gauges_of_a_former_version_are_nan(folder, watcher):
    add(folder, answers(10))
    watcher.poll()
    metrics.set_drift(watch.read(folder, served_sha256(folder)), True)
    metrics.set_drift(watch.read(folder, "b" * 64), True)
    assert math.isnan(metrics.DRIFT.labels("label")._value.get())


def test_a_certificate_that_the_registry_withdrew_says_why_whatever_drifts():
    other = {"state": "withdrawn: other data", "text": "withdrawn: other data"}
    measured = {"drifted": ["ink"], "drifted_since": 0.0}
    assert watch.describe_certificate(other, measured) == other
    valid = {"state": "valid", "text": "at most 1 %"}
    assert watch.describe_certificate(valid, {"drifted": [], "drifted_since": None}) == valid
    expected = "withdrawn: what is served has drifted: ink since 1970-01-01 00:00 UTC"
    assert watch.describe_certificate(valid, measured) == {"state": expected, "text": expected}


def test_drift_has_the_time_when_it_began(folder, watcher, monkeypatch):
    add(folder, answers(10, labels=[1]))
    watcher.poll()
    began = watch.read(folder, served_sha256(folder))["drifted_since"]
    add(folder, answers(10, labels=[1]))
    monkeypatch.setattr(time, "time", lambda: began + 60)
    watcher.poll()
    assert watch.read(folder, served_sha256(folder))["drifted_since"] == began
    assert watch.read(folder, served_sha256(folder))["answered"] == 2000


def test_a_database_that_cant_be_read_is_logged_once_and_ends_nothing(folder, watcher, caplog):
    (folder / "traffic.db").write_bytes(b"no database, but long enough to be read as the header of one " * 20)
    watcher.poll()
    watcher.poll()
    assert [one.levelname for one in caplog.records] == ["ERROR"]
    (folder / "traffic.db").unlink()
    add(folder, answers(10))
    watcher.poll()
    assert watch.read(folder, served_sha256(folder))["answered"] == 1000


def test_what_had_drifted_stays_so_until_it_is_measured_again(folder, watcher, caplog):
    add(folder, answers(10, labels=[1]))
    watcher.poll()
    (folder / "traffic.db").unlink()
    add(folder, {"label": {"1": 99}, "outcome": {"accepted": 95, "refused": 5}})
    watcher.poll()
    found = watch.read(folder, served_sha256(folder))
    assert (found["drifted"], found["index"]["label"]) == (["label"], None)
    add(folder, answers(10))
    with caplog.at_level("INFO"):
        watcher.poll()
    assert watch.read(folder, served_sha256(folder))["drifted"] == []
    assert [(one.levelname, one.message) for one in caplog.records][-1] == (
        "INFO",
        "what is served has not drifted any more",
    )


@pytest.mark.parametrize("text", ["{", '{"version": "3", "sha256": "SHA"}', '{"sha256": "SHA", "drifted": ["ink"]}'])
def test_a_damaged_file_of_the_measurement_is_as_none(folder, text):
    sha256 = served_sha256(folder)
    (folder / watch.NAME).write_text(text.replace("SHA", sha256))
    service = Service(settings(folder))
    asyncio.run(service.refresh())
    assert watch.read(folder, sha256) is None
    assert service.certificate["state"] == "valid"
    service.close()


def test_values_of_another_kind_keep_no_service_from_starting_and_are_logged_once(folder, watcher, caplog):
    watcher.poll()
    content = read_json(folder / watch.NAME) | {"index": 5}
    write_json(folder / watch.NAME, content)
    service = Service(settings(folder))
    for _ in range(2):
        asyncio.run(service.refresh())
    assert service.model.version == "3"
    assert caplog.text.count("the local copy can't be followed: TypeError") == 1
    service.close()
