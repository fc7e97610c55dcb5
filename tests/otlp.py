"""A collector of traces on loopback: it takes OTLP over HTTP, as protobuf."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tests.loopback import http_server


class Received(NamedTuple):
    """A span: what was exported of it, its attributes, those of the process that it is of, and who made it."""

    span: Span
    attributes: dict[str, Any]
    resource: dict[str, Any]
    scope: str


class Collector:
    """What came, by whichever thread."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.spans: list[Received] = []

    def take(self, path: str, body: bytes) -> None:
        assert path == "/v1/traces"
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    both = (_values(span.attributes), _values(resource.resource.attributes))
                    self.spans.append(Received(span, *both, scope.scope.name))

    def named(self, name: str) -> list[Received]:
        return [one for one in self.spans if one.span.name == name]


def _values(attributes) -> dict[str, Any]:
    return {one.key: getattr(one.value, one.value.WhichOneof("value")) for one in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

    with http_server(Handler) as server:
        found = Collector(f"http://127.0.0.1:{server.server_port}")
        yield found
