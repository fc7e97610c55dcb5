"""Traces: what a real collector on loopback receives of requests to a running service. No more than 0.5 s each."""

import json
import logging
import time
import urllib.request

import numpy as np
import pytest

from digits.data.pictures import encode_png
from digits.serving import logs, tracing
from tests.loopback import free_port
from tests.otlp import collector
from tests.serving import running, settings, write_constant

DIGIT = encode_png(np.pad(np.full((20, 4), 255, np.uint8), ((4, 4), (12, 12))))
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    for name in (
        tracing.ENDPOINT,
        tracing.TRACES_ENDPOINT,
        "OTEL_SERVICE_NAME",
        "OTEL_SDK_DISABLED",
        "OTEL_TRACES_SAMPLER",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "20")  # milliseconds between two exports


def request(address: str, path: str, body: bytes | None = None, **headers: str) -> int:
    sent = urllib.request.Request(address + path, body, {name.replace("_", "-"): one for name, one in headers.items()})
    try:
        with urllib.request.urlopen(sent, timeout=10) as response:
            return response.status
    except urllib.error.HTTPError as error:
        return error.code


def predict(address: str, picture: bytes = DIGIT, **headers: str) -> int:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return request(
        address,
        "/v1/predict",
        head + picture + b"\r\n--b--\r\n",
        Content_Type="multipart/form-data; boundary=b",
        **headers,
    )


def test_a_request_is_a_span_with_its_route_status_id_and_version(tmp_path, monkeypatch, caplog):
    caplog.set_level(logging.INFO, "digits.serving")
    with collector() as found:
        monkeypatch.setenv(tracing.ENDPOINT, found.address)
        with running(settings(write_constant(tmp_path / "served", 7, "3"))) as address:
            headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "X_Request_ID": "mine-1"}
            assert predict(address, **headers) == 200
            assert predict(address, b"no picture") == 422
            for path in ("/livez", "/readyz", "/metrics", "/v2/health/ready"):
                assert request(address, path) == 200
            assert request(address, "/v1/model") == 200
    first, second = sorted(found.named("POST /v1/predict"), key=lambda one: one.span.start_time_unix_nano)
    assert (first.span.trace_id.hex(), first.span.parent_span_id.hex()) == (TRACE, PARENT)
    wanted = {
        "http.route": "/v1/predict",
        "http.response.status_code": 200,
        "digits.request_id": "mine-1",
        "digits.model.version": "3",
        "digits.pictures": 1,
    }
    assert first.attributes | wanted == first.attributes
    assert second.attributes["http.response.status_code"] == 422
    assert first.resource["service.name"] == "digits"
    for name in ("parse", "predict"):
        child = next(one.span for one in found.named(name) if one.span.trace_id == first.span.trace_id)
        assert child.parent_span_id == first.span.span_id
    # Probes and /metrics make no spans
    assert {one.span.name for one in found.spans} == {"POST /v1/predict", "GET /v1/model", "parse", "predict"}
    assert {one.scope for one in found.spans} == {"fastapi", "digits"}
    logged = [record for record in caplog.records if record.message == "request"]
    assert logged[0].trace_id == TRACE
    assert json.loads(logs.JsonFormatter().format(logged[0]))["trace_id"] == TRACE


def test_the_standard_variables_name_the_service_and_choose_what_is_sampled(tmp_path, monkeypatch):
    with collector() as found:
        monkeypatch.setenv(tracing.TRACES_ENDPOINT, f"{found.address}/v1/traces")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "digits-test")
        monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off")
        with running(settings(write_constant(tmp_path / "served"))) as address:
            assert predict(address) == 200
            assert predict(address, traceparent=f"00-{TRACE}-{PARENT}-01") == 200
    assert {one.span.trace_id.hex() for one in found.spans} == {TRACE}
    assert {one.resource["service.name"] for one in found.spans} == {"digits-test"}


@pytest.mark.parametrize("off", [{}, {"OTEL_SDK_DISABLED": "true"}, {"OTEL_TRACES_EXPORTER": "none"}])
def test_it_is_off_without_an_endpoint_and_where_it_is_switched_off(monkeypatch, off):
    if off:
        monkeypatch.setenv(tracing.ENDPOINT, "http://127.0.0.1:9")
    for name, value in off.items():
        monkeypatch.setenv(name, value)
    assert (tracing.endpoint(), tracing.problem()) == (None, None)
    assert tracing.start() == {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
    with tracing.span("predict") as span:
        assert (span, tracing.trace_id()) == (None, None)


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({tracing.ENDPOINT: "collector:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no HTTP address"),
        ({tracing.ENDPOINT: "http://[::1:4318"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no HTTP address"),
        ({tracing.ENDPOINT: "http://a:99999"}, "OTEL_EXPORTER_OTLP_ENDPOINT is no HTTP address"),
        ({tracing.ENDPOINT: "http://a:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "'grpc' is not supported"),
        ({tracing.TRACES_ENDPOINT: "http://a:4318", "OTEL_TRACES_EXPORTER": "zipkin"}, "expected otlp or none"),
    ],
)
def test_what_can_not_be_done_is_said_and_stays_off(monkeypatch, variables, words):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert words in tracing.problem()
    assert tracing.start()["tracing"] is False


def test_a_missing_exporter_is_said_with_how_to_install_it(monkeypatch):
    monkeypatch.setenv(tracing.ENDPOINT, "http://127.0.0.1:9")
    monkeypatch.setattr(tracing, "EXPORTER", "opentelemetry.exporter.missing.http")
    assert "is not installed: `pip install -e '.[traces]'`" in tracing.problem()
    assert tracing.start()["tracing"] is False


def test_a_collector_that_is_gone_disturbs_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv(tracing.ENDPOINT, f"http://127.0.0.1:{free_port()}")
    monkeypatch.setattr(tracing, "FLUSH_SECONDS", 0.2)
    with running(settings(write_constant(tmp_path / "served"))) as address:
        assert [predict(address) for _ in range(5)] == [200] * 5
        time.sleep(0.1)  # the exporter tries, and waits to try again
        start = time.monotonic()
    assert time.monotonic() - start < 10  # without the limit the exporter waits for 30 s


def test_what_the_exporter_logs_again_and_again_is_logged_seldom():
    limit = logs.RateLimitFilter()

    def passes(seconds: float, text: str) -> bool:
        record = logging.LogRecord("opentelemetry", logging.ERROR, "", 0, text, ("values",), None)
        record.created = 1e9 + seconds
        return limit.filter(record)

    found = [passes(0, "failed: %s"), passes(5, "failed: %s"), passes(5, "other: %s"), passes(601, "failed: %s")]
    assert found == [True, False, True, True]
    assert [passes(2000 + second, f"no %s {second}") for second in (0, 601)] == [True, True]
    assert len(limit._passed) == 1  # the others can pass again


def test_spans_hold_no_key(tmp_path, monkeypatch):
    key = "k" * 24
    with collector() as found:
        monkeypatch.setenv(tracing.ENDPOINT, found.address)
        with running(settings(write_constant(tmp_path / "served"), (key,))) as address:
            assert predict(address, Authorization=f"Bearer {key}") == 200
            assert predict(address, Authorization="Bearer wrong") == 401
    assert len(found.named("POST /v1/predict")) == 1
    assert key not in str(found.spans)
