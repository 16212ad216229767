"""Whatever order a bank, a network and a customer do things in, the card never says more than is so.

A bank is played here by its books alone. A request may arrive at once, later, or never; what is answered
may get lost. The loop around the rules is the worker's.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from partners.instructions.rules import (
    DONE,
    FAILED,
    GIVEN_UP_AFTER,
    NOT_CONNECTED,
    PATIENCE,
    REQUESTED,
    SETTLED,
    UNKNOWN,
    Next,
    SoFar,
    after_answer,
    after_end_of_connection,
    after_refusal,
    after_silence,
    may_send,
    while_suspended,
)

ASKED = datetime(2026, 3, 1, 14, 0, tzinfo=UTC)

# How a request fares. All but the first three leave us without an answer.
SENDINGS = st.sampled_from(
    [
        "taken",
        *["refused"] * 3,  # finally, in the bank's own words
        "turned away",  # by a status that says nothing of what was done
        "lost",
        "taken, answer lost",
        *["on its way"] * 3,  # and arrives whenever it likes
        "pending",
    ]
)
QUESTIONS = st.sampled_from(["answered"] * 4 + ["silent", "nonsense"])
WORLDS = st.sampled_from(["connected"] * 6 + ["ended", "suspended", "broken off"])


@dataclass(frozen=True)
class Step:
    """What happens until, and while, the bank is asked once more."""

    world: str
    question: str
    sending: str
    arrives_before: bool
    refuses_when_it_comes: bool
    settles: bool
    waits: timedelta


STEPS = st.builds(
    Step,
    world=WORLDS,
    question=QUESTIONS,
    sending=SENDINGS,
    arrives_before=st.booleans(),
    refuses_when_it_comes=st.booleans(),
    settles=st.booleans(),
    waits=st.timedeltas(timedelta(0), timedelta(minutes=20)),
)


@dataclass
class Bank:
    """The bank's books: what it holds under the instruction's id, and what is still on its way there."""

    record: str | None = None
    on_the_way: bool = False

    def take(self, *, refuses: bool = False, pending: bool = False) -> None:
        if self.record is None:
            self.record = "failed" if refuses else "pending" if pending else "done"


@dataclass
class Portal:
    """The worker's loop, without a database."""

    bank: Bank
    now: datetime = ASKED
    status: str = REQUESTED
    sent: bool = False
    refused_as: str = ""
    reason: str = ""
    attempts: int = 0

    def step(self, step: Step) -> None:
        self.attempts += 1
        so_far = SoFar(ASKED, self.attempts, self.sent, self.refused_as)
        if step.world == "suspended":
            return self.become(while_suspended(so_far, at=self.now))
        leaves = self.sent or may_send(so_far, at=self.now)
        self.sent = self.sent or leaves
        if step.world == "broken off":
            return None  # the worker died: nothing is written
        if step.world == "ended":
            return self.become(after_end_of_connection(so_far, at=self.now))
        return self.become(self.asked(so_far, step))

    def asked(self, so_far: SoFar, step: Step) -> Next:
        if so_far.sent_before:
            if step.question != "answered":
                return after_silence(so_far, at=self.now)
            if self.bank.record is not None or not may_send(so_far, at=self.now):
                return self.heard(so_far, self.bank.record or "unknown_to_bank")
        return self.send(so_far, step.sending)

    def send(self, so_far: SoFar, sending: str) -> Next:
        match sending:
            case "refused" | "turned away":
                final = sending == "refused"
                return after_refusal(so_far, reason="U008", final=final, at=self.now)
            case "lost":
                return after_silence(so_far, at=self.now)
            case "on its way":
                self.bank.on_the_way = True
                return after_silence(so_far, at=self.now)
            case "taken, answer lost":
                self.bank.take()
                return after_silence(so_far, at=self.now)
            case _:
                self.bank.take(pending=sending == "pending")
                return self.heard(so_far, self.bank.record or "")

    def heard(self, so_far: SoFar, said: str) -> Next:
        settled_at = self.now if said == "done" else None
        return after_answer(so_far, said=said, settled_at=settled_at, reason="", at=self.now)

    def become(self, then: Next) -> None:
        self.status, self.reason = then.status, then.reason
        self.refused_as = then.refused_as
        if then.due_at is not None:
            assert then.due_at > self.now


def require_no_more_than_is_so(portal: Portal, bank: Bank) -> None:
    if portal.status == DONE:
        assert bank.record == "done"
    if portal.status == FAILED:
        assert bank.record in {None, "failed"}
        # A request that could still be carried out would make it a claim.
        assert not bank.on_the_way


def play(steps: list[Step]) -> tuple[Portal, Bank]:
    bank = Bank()
    portal = Portal(bank)
    for step in steps:
        if step.arrives_before and bank.on_the_way:
            bank.on_the_way = False
            bank.take(refuses=step.refuses_when_it_comes)
        if step.settles and bank.record == "pending":
            bank.record = "done"
        portal.step(step)
        require_no_more_than_is_so(portal, bank)
        if portal.status in SETTLED:
            break
        portal.now += step.waits
    return portal, bank


@settings(max_examples=1500)
@given(st.lists(STEPS, max_size=12))
def test_at_no_moment_is_more_claimed_than_the_bank_has_done(steps: list[Step]) -> None:
    play(steps)


GOOD = Step(
    world="connected",
    question="answered",
    sending="taken",
    arrives_before=True,
    refuses_when_it_comes=False,
    settles=True,
    waits=timedelta(minutes=10),
)


@settings(max_examples=500)
@given(st.lists(STEPS, max_size=20))
def test_once_all_is_well_the_card_says_what_the_bank_has_done(steps: list[Step]) -> None:
    portal, bank = play(steps)
    if portal.status not in SETTLED:
        if portal.now - ASKED > GIVEN_UP_AFTER - timedelta(hours=1):
            portal.now = ASKED
        bank.on_the_way, arrived = False, bank.on_the_way
        if arrived:
            bank.take()
        for _each in range(3):
            if bank.record == "pending":
                bank.record = "done"
            portal.step(GOOD)
            portal.now += GOOD.waits

    if portal.status not in SETTLED:
        # Refused after a silence, and the bank knows of none: only time tells that none will come.
        assert portal.refused_as
        assert bank.record is None
        portal.now = ASKED + GIVEN_UP_AFTER + timedelta(minutes=1)
        portal.step(GOOD)

    assert portal.status == (DONE if bank.record == "done" else FAILED)


@given(st.lists(STEPS, max_size=20), st.timedeltas(PATIENCE, timedelta(days=1)))
def test_nobody_reads_asking_when_the_patience_is_over(
    steps: list[Step], waited: timedelta
) -> None:
    portal, _bank = play(steps)
    portal.now = max(portal.now, ASKED + waited)
    if portal.status not in SETTLED:
        portal.step(replace(GOOD, question="silent", sending="lost"))

        assert portal.status in {UNKNOWN, *SETTLED}
        assert portal.reason != NOT_CONNECTED
