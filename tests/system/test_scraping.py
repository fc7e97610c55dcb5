"""A real Prometheus scrapes the service, two processes on a registry: what it counts is what was asked. Some 10 s."""

from collections import Counter
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.imports import ROOT
from tests.prometheus import running
from tests.scratch import Project
from tests.service_process import BODY, PICTURES, serving, wait_for_following
from tests.two_versions import LABELS, two_versions

ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
ANSWERED, MALFORMED = 40, 3


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("scraped")
    with two_versions(folder, empty_database):
        yield Project(folder)


def ask(port: int, body: bytes) -> int:
    """The status of a request for predictions, on a connection of its own: any server process answers it."""
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("POST", "/v1/predict", body, {"Content-Type": "multipart/form-data; boundary=b"})
        return connection.getresponse().status
    finally:
        connection.close()


def test_prometheus_counts_what_was_asked_of_all_processes(project, tmp_path: Path):
    with serving(project, tmp_path / "log", workers=2) as service:
        service.wait(lambda status, _: status == 200)
        wait_for_following(service)
        statuses = Counter(ask(service.port, BODY) for _ in range(ANSWERED))
        statuses += Counter(ask(service.port, b"no multipart") for _ in range(MALFORMED))
        assert statuses == {200: ANSWERED, 400: MALFORMED}
        with running(tmp_path / "prometheus", [f"127.0.0.1:{service.port}"], [ALERTS]) as prometheus:
            requests = 'digits_requests_total{route="/v1/predict"}'
            prometheus.wait(lambda: prometheus.value(f"sum({requests})") == statuses.total())
            assert [target["health"] for target in prometheus.targets()] == ["up"]
            found = {labels["status"]: value for labels, value in prometheus.query(f"sum by (status) ({requests})")}
            assert found == {"200": ANSWERED, "400": MALFORMED}
            predicted = prometheus.query("digits_predictions_total")
            assert [(one["label"], one["accepted"], value) for one, value in predicted] == [
                (str(LABELS["1"]), "true", ANSWERED * PICTURES)
            ]
            assert prometheus.value("sum(digits_probability_count)") == ANSWERED * PICTURES
            assert prometheus.value("digits_model_info") == prometheus.value("digits_registry_reachable") == 1
            groups = prometheus.wait(lambda: evaluated(prometheus.get("rules")["groups"]))
            assert {rule["health"] for group in groups for rule in group["rules"]} == {"ok"}
            assert prometheus.firing() == {}


def evaluated(groups: list[dict]) -> list[dict]:
    """The groups of rules, once all of them were evaluated."""
    return groups if all(rule["health"] != "unknown" for group in groups for rule in group["rules"]) else []
