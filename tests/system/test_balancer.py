"""Two replicas of the service behind HAProxy under load, one killed and one stopped: no request is lost. Some 15 s."""

import shutil

import numpy as np
import pytest

from benchmarks.balancer import LoadThread, start
from benchmarks.replicas import balancer, replicas
from benchmarks.serving_servers import UPLOAD
from tests.two_versions import LABELS, two_versions

RATE, CONNECTIONS = 100, 8
pytestmark = pytest.mark.skipif(
    shutil.which("haproxy") is None and shutil.which("haproxy", path="/usr/sbin") is None,
    reason="haproxy is not installed: `apt-get install haproxy`",
)


def test_no_request_is_lost_while_a_replica_is_killed_and_another_one_is_stopped(tmp_path, empty_database):
    digit = np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12)))
    expected = {UPLOAD.request(digit[None]).encoded(): LABELS["1"]}
    project = tmp_path / "project"
    project.mkdir()
    with (
        two_versions(project, empty_database),
        replicas(tmp_path, 2, 1, f"sqlite:///{project}/mlflow.db") as ((one, other), port),
        balancer(tmp_path, port, one.host, other.host) as between,
    ):
        between.wait_for(2)
        with LoadThread(between.port, expected, CONNECTIONS, RATE) as loading:
            between.wait_for_requests(20)
            one.kill()
            between.wait_for(1)
            between.wait_for_requests(50)
            start(one, between, 2)  # from its local copy
            assert other.terminate() == 0
            between.wait_for(1)
            between.wait_for_requests(50)
        assert loading.load.errors == {}
        answered = len(loading.load.latencies)
        assert answered >= 120
        for log in (one.log, other.log):
            assert "Traceback" not in log.read_text()
            assert '"path":"/v1/predict","status":200' in log.read_text()
        print(f"\n{answered:,} requests, 0 lost; {between.metric('backend_retry_warnings_total'):.0f} sent again")
