"""What the judge found: counts, and every fault in words."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

FAULTS = (
    "lost",
    "duplicated",
    "out_of_order",
    "wrong_amount",
    "wrong_alert",
    "wrong_row",
    "wrong_balance",
    "wrong_copy",
    "wrong_thread",
    "wrong_webhook",
    "wrong_mail",
)


@dataclass
class Verdict:
    """What was counted, and every fault in words: which customer's, never what was bought."""

    counts: Counter[str] = field(default_factory=Counter)
    words: list[str] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    by_bank: dict[str, list[float]] = field(default_factory=dict)

    def find(self, fault: str, who: str, what: str) -> None:
        self.counts[fault] += 1
        self.words.append(f"{fault}: {who}: {what}")

    @property
    def faults(self) -> dict[str, int]:
        return {each: self.counts[each] for each in FAULTS}

    @property
    def is_clean(self) -> bool:
        return not any(self.faults.values())


def percentile(values: Sequence[float], share: float) -> float:
    """The value that this share of them does not pass (nearest rank); 0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
