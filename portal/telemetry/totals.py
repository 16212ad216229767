"""What all processes of this machine have counted, as a page can plot it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.samples import Sample

_SCREEN = "portal_event_to_screen_seconds"
_SEALING = "portal_disclosure_sealing_seconds"
_REACHED = "portal_notice_reached_seconds"
# Of a histogram: (seconds at most, how many), each with those before it.
Buckets = Sequence[tuple[float, int]]


@dataclass(frozen=True)
class Totals:
    """Counts since the processes' folder was emptied; `reached`: of each way of telling of an alert."""

    requests: int
    bank_calls: int
    delivered: int
    failed: int
    sockets: int
    seen: Mapping[str, float]
    screen: Buckets = ()
    sealing: Buckets = ()
    reached: Mapping[str, Buckets] = field(default_factory=dict)


def totals(registry: CollectorRegistry) -> Totals:
    """Add up what `measures.gathered` found."""
    families = {each.name: each for each in registry.collect()}

    def added(family: str, sample: str = "", **labels: str) -> int:
        return int(sum(_values(families.get(family), sample or family, labels)))

    delivered = {"outcome": "delivered"}
    every = added("portal_outbox_deliveries", "portal_outbox_deliveries_total")
    heard = added("portal_outbox_deliveries", "portal_outbox_deliveries_total", **delivered)
    return Totals(
        requests=added("portal_http_request_seconds", "portal_http_request_seconds_count"),
        bank_calls=added("portal_bank_call_seconds", "portal_bank_call_seconds_count"),
        delivered=heard,
        failed=every - heard,
        sockets=added("portal_sockets_open"),
        seen={
            each.labels["process"]: each.value
            for each in _samples(families.get("portal_process_seen_timestamp_seconds"))
        },
        screen=_buckets(families.get(_SCREEN)),
        sealing=_buckets(families.get(_SEALING)),
        reached={
            way: _buckets(families.get(_REACHED), way=way)
            for way in sorted({each.labels["way"] for each in _samples(families.get(_REACHED))})
        },
    )


def within(buckets: Buckets, share: float) -> float | None:
    """The bound, in seconds, that this share of them did not pass; None where there are none."""
    count = buckets[-1][1] if buckets else 0
    return next((bound for bound, so_far in buckets if count and so_far >= share * count), None)


def _buckets(family: Metric | None, **labels: str) -> Buckets:
    return sorted(
        (float(each.labels["le"]), int(each.value))
        for each in _samples(family)
        if each.name.endswith("_bucket") and labels.items() <= each.labels.items()
    )


def _samples(family: Metric | None) -> list[Sample]:
    return [] if family is None else list(family.samples)


def _values(family: Metric | None, name: str, labels: Mapping[str, str]) -> list[float]:
    return [
        each.value
        for each in _samples(family)
        if each.name == name and labels.items() <= each.labels.items()
    ]
