"""Traces by OpenTelemetry, from a bank's notification to the customer's screen.

What has to outlive a process is kept with the row that carries the work (`trace`), as a W3C traceparent
(Trace Context, section 3.2). Spans carry ids and counts alone: no names, no amounts, no messages.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from opentelemetry import trace as otel
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

_FORM = TraceContextTextMapPropagator()
_HEADER = "traceparent"
_tracer = otel.get_tracer("portal")


def start_tracing(process: str) -> None:
    """Once a process, after any fork. Without OTEL_EXPORTER_OTLP_ENDPOINT spans have ids and go nowhere."""
    resource = Resource.create({"service.namespace": "portal", "service.name": process})
    provider = TracerProvider(resource=resource)
    if settings.OTLP_ENDPOINT:
        address = f"{settings.OTLP_ENDPOINT.rstrip('/')}/v1/traces"
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=address)))
    otel.set_tracer_provider(provider)


@contextmanager
def span(
    name: str,
    *,
    trace: str = "",
    kind: SpanKind = SpanKind.INTERNAL,
    **attributes: str | int,
) -> Iterator[Span]:
    """One step; the child of the open one, or of `trace` where that names one.

    An exception that passes is named by its type: its words could carry what is private.
    """
    parent = _FORM.extract({_HEADER: trace}) if trace else None
    with _tracer.start_as_current_span(
        name,
        context=parent,
        kind=kind,
        attributes={f"portal.{key}": value for key, value in attributes.items()},
        record_exception=False,
        set_status_on_exception=False,
    ) as step:
        try:
            yield step
        except Exception as problem:
            step.set_status(Status(StatusCode.ERROR, type(problem).__name__))
            raise


def current_trace() -> str:
    """The open step, as a row keeps it; the empty string where there is none."""
    carrier: dict[str, str] = {}
    _FORM.inject(carrier)
    return carrier.get(_HEADER, "")


def current_trace_id() -> str:
    """32 hex digits, or the empty string."""
    context = otel.get_current_span().get_span_context()
    return format(context.trace_id, "032x") if context.is_valid else ""
