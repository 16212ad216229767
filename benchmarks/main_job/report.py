"""The one line that says how it went."""

from dataclasses import dataclass
from typing import Any

from benchmarks.main_job.options import Options
from benchmarks.main_job.records import Seen
from benchmarks.main_job.usage import Usage
from benchmarks.main_job.verdict import percentile
from benchmarks.main_job.work import Job

# Of one program and its consent; and of everybody, about suspected frauds.
_POSTED = (
    "webhooks_expected",
    "webhooks_delivered",
    "webhooks_repeated",
    "mails_expected",
    "mails_delivered",
    "mails_repeated",
)


@dataclass(frozen=True)
class Report:
    options: Options
    rows: int
    left_out: int
    job: Job
    usage: Usage
    seconds: float

    @property
    def seen(self) -> Seen:
        return self.job.seen

    @property
    def is_as_expected(self) -> bool:
        counts = self.job.verdict.counts
        return (
            self.job.verdict.is_clean
            and counts["bank_transactions"] == counts["stored"] == self.rows
            and counts["cards_delivered"] == counts["cards_expected"] > 0
            and counts["webhooks_delivered"] == counts["webhooks_expected"]
            and counts["mails_delivered"] == counts["mails_expected"]
            and all(self.job.killer.done[each] for each in self.options.kill)
            and not self.job.not_healed
            and not self.stopped
        )

    @property
    def stopped(self) -> list[str]:
        """Sockets that were told to stop for good."""
        return [
            each.listener.stopped_by for each in self.job.customers if each.listener.stopped_by
        ]

    def line(self) -> dict[str, Any]:
        """What was counted, in the order of the way that a row goes."""
        counts, verdict = self.job.verdict.counts, self.job.verdict
        named = ("bank_transactions", "stored", "alerts_expected")
        latencies = verdict.latencies
        return {
            **{name: counts[name] for name in named},
            **{name: counts[name] for name in ("cards_expected", "cards_delivered")},
            "low_balance_cards": counts["low_balances"],
            **{name: counts[name] for name in _POSTED},
            **verdict.faults,
            "rows_left_out": self.left_out,
            "kills": {each: self.job.killer.done[each] for each in self.options.kill},
            "not_healed": self.job.not_healed,
            "faults": {each: self.job.misbehaviour.done[each] for each in self.options.faults},
            "reconnected": sum(each.listener.counts["reconnected"] for each in self.job.customers),
            "latency_ms": {
                "p50": round(percentile(latencies, 0.5) * 1000),
                "p99": round(percentile(latencies, 0.99) * 1000),
            },
            "seconds": round(self.seconds, 1),
            "peak_rss_mb": dict(sorted(self.usage.peak_mb.items())),
            "cpu_seconds": self.usage.cpu_seconds,
        }
