"""What is running, and who is watched."""

import sys
import time
from dataclasses import dataclass, field

from benchmarks.main_job.bank import Bank
from benchmarks.main_job.customer import Customer
from benchmarks.main_job.network import Loopback
from benchmarks.main_job.options import Options
from benchmarks.main_job.post import Post
from benchmarks.main_job.program import Program
from benchmarks.main_job.records import Seen
from benchmarks.main_job.trouble import Killer, Misbehaviour
from benchmarks.main_job.verdict import Verdict
from tests.journeys.stack import Stack


@dataclass
class Job:
    """One run's people, banks and verdict."""

    options: Options
    stack: Stack
    loopback: Loopback
    banks: dict[str, Bank]
    post: Post
    customers: list[Customer] = field(default_factory=list)
    programs: list[tuple[Program, str]] = field(default_factory=list)
    killer: Killer = field(default_factory=lambda: Killer((), seed=0, seconds=0))
    misbehaviour: Misbehaviour = field(default_factory=lambda: Misbehaviour((), seed=0, seconds=0))
    not_healed: list[str] = field(default_factory=list)
    seen: Seen = field(default_factory=lambda: Seen({}, []))
    verdict: Verdict = field(default_factory=Verdict)

    @property
    def chat(self) -> str:
        return self.stack.origin("chat")

    @property
    def cards(self) -> int:
        return sum(len(each.listener.cards) for each in self.customers)


def say(words: str) -> None:
    """Progress, which is not the result."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {words}\n")
    sys.stderr.flush()
