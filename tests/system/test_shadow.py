"""`digits serve` with a challenger in the shadow and a collector of traces: two server processes, two versions."""

import json
import urllib.request
from http.client import HTTPConnection

import pytest

from digits.comparison import shadow
from digits.feedback.items import Report
from digits.feedback.queue import Queue
from digits.feedback.stored_pictures import stored
from digits.serving.following import challenger
from digits.tracking import registry, tags
from tests.otlp import collector
from tests.scratch import Project
from tests.service_process import BODY, PICTURE, PICTURES, serving
from tests.two_versions import promote, two_versions
from tests.waiting import wait_until

REQUESTS = 20


@pytest.fixture(scope="module")
def project(tmp_path_factory, empty_database):
    folder = tmp_path_factory.mktemp("shadow")
    with two_versions(folder, empty_database):
        project = Project(folder)
        project.set_params(serve={"challenger": {"version": 2, "share": 1.0}})
        yield project


def labels(port: int) -> list[int]:
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("POST", "/v1/predict", BODY, {"Content-Type": "multipart/form-data; boundary=b"})
    found = json.loads(connection.getresponse().read())
    connection.close()
    return [one["label"] for one in found["predictions"]]


def compared(port: int) -> float:
    text = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return sum(
        float(line.split()[-1])
        for line in text.splitlines()
        if line.startswith('digits_shadow_total{agreement="label"')
    )


@pytest.mark.slow
def test_the_challenger_answers_unseen_until_it_is_the_champion_and_requests_are_traced(project, tmp_path):
    folder, log = project.root, tmp_path / "log"
    with (
        collector() as traces,
        serving(project, log, workers=2, OTEL_EXPORTER_OTLP_ENDPOINT=traces.address) as service,
    ):
        ready = service.wait(lambda status, found: status == 200 and "challenger" in found["registry"], 60)
        assert ready["registry"]["challenger"] == {"version": "2", "error": None}
        for _ in range(REQUESTS):
            assert labels(service.port) == [3] * PICTURES
        wait_until(lambda: compared(service.port) >= REQUESTS * PICTURES)
        promote("2")
        error = {"version": "2", "error": challenger.IS_CHAMPION}
        service.wait(lambda _, found: found["version"] == "2" and found["registry"]["challenger"] == error)
    assert log.read_text().count(challenger.IS_CHAMPION) == 1
    # Nothing but this service's spans, of both processes: MLflow, which the following process uses, makes none
    assert len(traces.named("POST /v1/predict")) == REQUESTS
    assert {one.scope for one in traces.spans} == {"fastapi", "digits"}
    queue = Queue(folder / "feedback")
    queue.add(PICTURE, Report(("r",), "7", 3, 0.9, True, None, "1"))
    queue.decide(stored(PICTURE).sha256, "7", "somebody")
    first, second = (registry.get_version(number).tags[tags.ONNX] for number in ("1", "2"))
    found = shadow.find(folder / ".served", first, second, queue.items())
    assert (found.answers, found.by_first, found.pictures) == (REQUESTS * PICTURES, REQUESTS * PICTURES, 1)
    assert (found.differing, found.corrected[:4]) == ([(3, 7, 1)], (0, 0, 1, 0))
