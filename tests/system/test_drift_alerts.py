"""A real Prometheus scrapes the service: usual digits fire no alert, thick ones that of drift. Some 20 s."""

import threading
import time
from datetime import datetime

import numpy as np
import pandas as pd
import pytest
import yaml
from scipy import ndimage

from digits.client import Client
from digits.data.pictures import encode_png
from digits.data.statistics import compute_statistics
from digits.files import read_json, write_json
from digits.serving import local_copy
from digits.serving.drift import reference, traffic
from digits.serving.drift.watch import Watcher
from digits.serving.settings import Settings
from digits.validation.drift import profile
from digits.validation.table import PandasTable
from tests import prometheus
from tests.imports import ROOT
from tests.serving import running, settings, write_constant

pytestmark = pytest.mark.slow
EACH = 400
TESTED = ("DigitsDrift", "DigitsRefusesMore", "DigitsCertificateNotValid")


@pytest.fixture
def pictures(mnist_digits):
    """The training pictures, and others of the same hand."""
    chosen = np.random.default_rng(0).permutation(len(mnist_digits.images))
    encoded = [encode_png(mnist_digits.images[place]) for place in chosen[: 1000 + EACH]]
    return encoded[:1000], mnist_digits.images[chosen[1000 : 1000 + EACH]]


@pytest.fixture
def served(tmp_path, pictures):
    """A server's settings, whose model says 7 to everything, as it did to the test digits."""
    folder = write_constant(tmp_path / "served")
    description = read_json(folder / local_copy.CHAMPION)
    description["certificate"]["state"] = "valid"
    write_json(folder / local_copy.CHAMPION, description)
    table = compute_statistics(pictures[0]).assign(label=7)
    answered = pd.DataFrame({"predicted": [7] * 500, "probability": 0.91, "accepted": True})
    sha256 = description["sha256"]
    reference.write(folder, reference.build("3", sha256, profile(PandasTable(table)), answered))
    chosen = settings(folder)
    drift = chosen.limits.drift.model_copy(update={"pictures_per_second": 10_000})
    return Settings(folder, chosen.limits.model_copy(update={"drift": drift}))


def test_usual_digits_fire_no_alert_and_thick_ones_that_of_drift(tmp_path, served, pictures, monkeypatch):
    monkeypatch.setattr(traffic, "FLUSH_SECONDS", 0.5)
    rules = yaml.safe_load((ROOT / "deploy" / "prometheus" / "alerts.yml").read_text())
    tested = [rule for rule in rules["groups"][0]["rules"] if rule["alert"] in TESTED]
    rules["groups"][0]["rules"] = [rule | {"for": "0s"} for rule in tested]
    (tmp_path / "alerts.yml").write_text(yaml.safe_dump(rules))
    ended = threading.Event()

    def watch():
        while not ended.wait(0.5):
            Watcher(served).poll()

    watching = threading.Thread(target=watch)
    watching.start()
    digits = pictures[1]
    try:
        with (
            running(served) as address,
            prometheus.running(
                tmp_path / "prometheus", [address.removeprefix("http://")], [tmp_path / "alerts.yml"]
            ) as server,
        ):
            _send(address, list(digits))
            server.wait(lambda: server.value("digits_drift_pictures") == EACH)
            server.wait(lambda: (server.value('digits_drift{statistic="ink"}') or 0) > 0)
            seen = time.time()
            server.wait(lambda: _last_evaluation(server) > seen)
            usual = server.firing()
            _send(address, [ndimage.grey_dilation(digit, (3, 3)) for digit in digits])
            server.wait(lambda: "DigitsDrift" in server.firing())
            drifted = server.wait(lambda: "DigitsCertificateNotValid" in server.firing() and server.firing())
            statistics = {found["statistic"] for found, _ in server.query("digits_drift > digits_drift_bound")}
    finally:
        ended.set()
        watching.join()
    assert usual == {}
    assert drifted.keys() == {"DigitsDrift", "DigitsCertificateNotValid"}
    assert "stroke" in statistics and "label" not in statistics


def _last_evaluation(server: prometheus.Prometheus) -> float:
    """When the rule that was evaluated longest ago was, in seconds since 1970."""
    rules = server.get("rules")["groups"][0]["rules"]
    return min(datetime.fromisoformat(one["lastEvaluation"]).timestamp() for one in rules)


def _send(address: str, digits: list[np.ndarray]) -> None:
    with Client(address) as client:
        for first in range(0, len(digits), 50):
            client.predict([encode_png(one) for one in digits[first : first + 50]])
