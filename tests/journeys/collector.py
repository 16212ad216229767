"""A collector of traces, as a bank runs one: it hears OTLP over HTTP and keeps what it was told."""

import gzip
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(frozen=True)
class Step:
    """One span: whose it is, of which trace, what it was called and what it carries."""

    process: str
    trace_id: str
    name: str
    words: str


class Collector:
    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.url = ""

    def take(self, body: bytes) -> None:
        told = ExportTraceServiceRequest()
        told.ParseFromString(body)
        for resource in told.resource_spans:
            named = {each.key: each.value.string_value for each in resource.resource.attributes}
            for scope in resource.scope_spans:
                self.steps += [
                    Step(named["service.name"], each.trace_id.hex(), each.name, str(each))
                    for each in scope.spans
                ]

    def trace_of(self, name: str) -> list[list[Step]]:
        """Every trace that has a step of that name."""
        found = {each.trace_id for each in self.steps if each.name == name}
        return [[each for each in self.steps if each.trace_id == trace] for trace in found]


@contextmanager
def running_collector() -> Iterator[Collector]:
    collector = Collector()

    class Door(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                body = gzip.decompress(body)
            collector.take(body)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_words: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Door)
    collector.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    yield collector
    server.shutdown()
    server.server_close()
    thread.join(5)
