"""What is counted, for Prometheus: every measure of the portal, in one list.

Processes of one machine write into the folder PROMETHEUS_MULTIPROC_DIR, and `/metrics` adds them up.
Labels are of few values: hosts, routes, doors, kinds, outcomes; never a customer.
"""

import os
from pathlib import Path

from django.conf import settings
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.multiprocess import MultiProcessCollector

QUICK = (0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)

REQUESTS = Histogram(
    "portal_http_request_seconds",
    "Requests answered, by host, route, method and status",
    ["host", "route", "method", "status"],
    buckets=QUICK,
)
BANK_CALLS = Histogram(
    "portal_bank_call_seconds",
    "Requests to banks' systems, by host and what came back",
    ["host", "outcome"],
    buckets=QUICK,
)
READINGS = Counter(
    "portal_readings_total", "Readings of a bank's feed, by how they ended", ["kind", "outcome"]
)
GATE = Counter(
    "portal_gate_decisions_total",
    "Decisions of the gate, by door and reason",
    ["door", "decision", "reason"],
)
DELIVERIES = Counter(
    "portal_outbox_deliveries_total",
    "Events handed to their listeners, by outcome",
    ["listener", "outcome"],
)
DELIVERY_LAG = Histogram(
    "portal_outbox_lag_seconds",
    "From the commit's event to the listener that heard it",
    buckets=QUICK,
)
SEALED = Counter(
    "portal_disclosure_sealed_total", "Records that became leaves of their bank's tree", ["kind"]
)
SEALING_LAG = Histogram(
    "portal_disclosure_sealing_seconds",
    "From a record's being written to the commit that sealed it",
    buckets=QUICK,
)
WEBHOOKS = Counter(
    "portal_webhook_attempts_total", "Tries to hand over a webhook, by how they ended", ["outcome"]
)
INSTRUCTIONS = Counter(
    "portal_instructions_total", "What became of instructions to banks", ["kind", "status"]
)
NOTICES = Counter(
    "portal_notices_total", "What became of notices, by way and why", ["way", "state", "reason"]
)
NOTICE_LAG = Histogram(
    "portal_notice_reached_seconds",
    "From an alert to the server that took the notice of it",
    ["way"],
    buckets=(1, 2.5, 5, 10, 20, 30, 45, 60, 90, 120, 300, 900, 3600, 14400, 86400),
)
SOCKETS = Gauge("portal_sockets_open", "Sockets held now", multiprocess_mode="livesum")
SOCKETS_CLOSED = Counter("portal_sockets_closed_total", "Sockets ended, by close code", ["code"])
EVENT_TO_SCREEN = Histogram(
    "portal_event_to_screen_seconds",
    "From an event to the frame queued for a socket that was waiting for it",
    buckets=QUICK,
)
SEEN = Gauge(
    "portal_process_seen_timestamp_seconds",
    "When a process last did its round, in seconds since 1970",
    ["process"],
    multiprocess_mode="mostrecent",
)


def gathered() -> CollectorRegistry:
    """The measures of every process of this machine, added up."""
    _forget_the_gone()
    registry = CollectorRegistry()
    MultiProcessCollector(registry, path=str(settings.METRICS_FOLDER))  # type: ignore[no-untyped-call]
    return registry


def _forget_the_gone() -> None:
    # What a process holds open ends with it; what it counted stays.
    for held in Path(settings.METRICS_FOLDER).glob("gauge_live*_*.db"):
        pid = held.stem.rpartition("_")[2]
        if pid.isdecimal() and not _runs(int(pid)):
            held.unlink(missing_ok=True)


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
