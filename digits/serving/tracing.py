"""Traces of requests, for an OpenTelemetry collector that the standard environment variables name.

FastAPI makes a request's span; here is where it is exported to, what this service adds to it, and the spans within it.
"""

import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from importlib.metadata import version
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry import trace

if TYPE_CHECKING:
    from fastapi.telemetry import TelemetryConfig

TRACES_ENDPOINT, ENDPOINT = "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"
EXPORTER = "opentelemetry.exporter.otlp.proto.http"
PROTOCOL = "http/protobuf"
# What this service adds to a request's span
REQUEST_ID, VERSION, PICTURES = "digits.request_id", "digits.model.version", "digits.pictures"
FLUSH_SECONDS = 2  # that a server process which ends waits for the collector
UNTRACED = ("/livez", "/readyz", "/metrics", "/v2/health/")  # asked every few seconds, by probes
_NO_SPAN = nullcontext()
_tracer: trace.Tracer | None = None
_exporting: tuple[Any, Any] | None = None  # the processor that collects spans, and the exporter that sends them


def endpoint() -> tuple[str, str] | None:
    """The variable that names the collector, and its value; None where there is none, or traces are switched off."""
    if _setting("OTEL_SDK_DISABLED") == "true" or _setting("OTEL_TRACES_EXPORTER") == "none":
        return None
    return next(((name, os.environ[name]) for name in (TRACES_ENDPOINT, ENDPOINT) if os.environ.get(name)), None)


def problem() -> str | None:
    """Why there are no traces though the environment asks for them, and what to do; None where nothing is wrong."""
    found = endpoint()
    if found is None:
        return None
    name, url = found
    if not _is_http(url):
        return f"{name} is no HTTP address; expected one such as http://127.0.0.1:4318. No traces are exported"
    exporter = _setting("OTEL_TRACES_EXPORTER") or "otlp"
    if exporter != "otlp":
        return f"OTEL_TRACES_EXPORTER is {exporter!r}; expected otlp or none. No traces are exported"
    variables = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next(filter(None, map(os.environ.get, variables)), PROTOCOL)
    if protocol != PROTOCOL:
        return f"the OTLP protocol {protocol!r} is not supported; expected {PROTOCOL}. No traces are exported"
    if not _is_installed():
        command = "`pip install -e '.[traces]'` in the project's folder"
        return f"{name} is set, but the exporter is not installed: {command}. No traces are exported"
    return None


def _setting(variable: str) -> str:
    return os.environ.get(variable, "").strip().lower()


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:  # of a bracket that is not closed, or a port above 65535
        return False


def _is_installed() -> bool:
    try:
        return find_spec(EXPORTER) is not None
    except ModuleNotFoundError:  # of a package above it
        return False


def start() -> "TelemetryConfig":
    """Begin to export; returns what `FastAPI(telemetry=…)` takes. Where nothing is asked for, all of it is off."""
    global _tracer, _exporting
    off: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False, "auto_configure": False}
    if endpoint() is None or problem() is not None:
        return off
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    resource = Resource.create({"service.version": version("digits"), "process.pid": os.getpid()})
    if str(resource.attributes["service.name"]).startswith("unknown_service"):
        resource = resource.merge(Resource({"service.name": "digits"}))
    # Of its own, not the process's global one: what other libraries trace is not exported with it
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = OTLPSpanExporter()
    processor = BatchSpanProcessor(exporter)
    provider.add_span_processor(processor)
    _exporting = processor, exporter
    _tracer = provider.get_tracer("digits", version("digits"))
    return {
        **off,
        "tracing": True,
        "tracer_provider": provider,
        "operation_spans": False,
        "exclude": lambda scope: scope["path"].startswith(UNTRACED),
    }


def stop() -> None:
    """Export what is left, for so long at most as FLUSH_SECONDS."""
    global _tracer, _exporting
    if _exporting is not None:
        processor, exporter = _exporting
        flushing = threading.Thread(target=processor.shutdown, name="flush", daemon=True)  # it would wait for 30 s
        flushing.start()
        flushing.join(FLUSH_SECONDS)
        if flushing.is_alive():
            exporter.shutdown()
    _tracer = _exporting = None


def span(name: str) -> AbstractContextManager[Any]:
    """A span within the request's, for the time of a `with` block."""
    return _NO_SPAN if _tracer is None else _tracer.start_as_current_span(name)


def describe(attributes: Mapping[str, str | int]) -> None:
    """Add these attributes to the request's span."""
    if _tracer is not None:
        trace.get_current_span().set_attributes(attributes)


def set_route(method: str, route: str) -> None:
    """Name the request's span by its route, as FastAPI does for what its own router finds."""
    if _tracer is not None:
        current = trace.get_current_span()
        current.update_name(f"{method} {route}")
        current.set_attribute("http.route", route)


def trace_id() -> str | None:
    """The id of the request's trace, 32 hexadecimal digits; None where it has none."""
    if _tracer is None:
        return None
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None
