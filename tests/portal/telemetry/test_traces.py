"""One trace goes on in another process, by what the row keeps."""

from collections.abc import Iterator

import pytest
from opentelemetry import trace as otel
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from portal.telemetry.traces import current_trace, current_trace_id, span


@pytest.fixture
def ended() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    provider = otel.get_tracer_provider()
    assert isinstance(provider, TracerProvider)
    processor = SimpleSpanProcessor(kept)
    provider.add_span_processor(processor)
    yield kept
    processor.shutdown()


def test_a_step_goes_on_with_the_trace_that_a_row_kept(ended: InMemorySpanExporter) -> None:
    with span("told"):
        kept, trace_id = current_trace(), current_trace_id()

    with span("read", trace=kept, feed="balances"):
        assert current_trace_id() == trace_id
        with span("asked"):
            assert current_trace_id() == trace_id

    told, asked, read = ended.get_finished_spans()
    assert (told.name, asked.name, read.name) == ("told", "asked", "read")
    assert read.parent is not None
    assert told.context is not None
    assert read.parent.span_id == told.context.span_id
    assert dict(read.attributes or {}) == {"portal.feed": "balances"}


@pytest.mark.parametrize("kept", ["", "not a trace", "00-" + "0" * 32 + "-" + "0" * 16 + "-01"])
def test_what_is_no_trace_begins_one(kept: str) -> None:
    with span("read", trace=kept):
        assert len(current_trace_id()) == 32


def test_outside_of_a_step_there_is_none() -> None:
    assert (current_trace(), current_trace_id()) == ("", "")


def test_a_failure_is_named_and_not_quoted(ended: InMemorySpanExporter) -> None:
    with pytest.raises(ValueError, match="Ada"), span("stored"):
        raise ValueError("Ada Verdi owes 12.30")

    (stored,) = ended.get_finished_spans()
    assert stored.status.status_code == StatusCode.ERROR
    assert (stored.status.description, stored.events) == ("ValueError", ())
