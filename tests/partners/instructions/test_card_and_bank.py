"""The card, as REST shows it, beside the bank's own books: never more than is so, and the same in the end.

While the bank is asked the two are read again and again, the card first: whatever it says has to be so
in the books that are read after it.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as configured
from django.db import connections
from django.test import Client
from django.utils import timezone

from messaging.conversations.models import Message
from partners.alerts.models import Alert
from partners.banks.models import Bank, Customer
from partners.connections.models import Connection
from partners.instructions.actions import claim_errand
from partners.instructions.carrying import carry, carry_due
from partners.instructions.models import Instruction
from partners.integrations.models import Integration
from portal.local.testing import with_database
from portal.outbox.relay import deliver_due
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE
from tests.factories.messaging import InChat, open_session_of
from tests.partners.instructions.conftest import later
from tests.ports import free_port
from tests.sandbox_bank import REPOSITORY, SandboxBank, know_customer, link
from tests.settings import SERVERS

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

TWO_DAYS = 2 * 24 * 3600
MOST_STEPS = 12
WITHIN_SECONDS = 60


@dataclass
class Watched:
    """One card of one customer, and the books of the bank that is asked about it."""

    sandbox: SandboxBank
    bank: Bank
    who: InChat
    card_id: str
    clock: float = 0  # how far ahead of now the portal believes it is

    def wait(self, seconds: float) -> None:
        self.clock += seconds

    def card(self) -> dict[str, Any]:
        answer = Client().get(self._thread, headers=self.who.headers)
        assert answer.status_code == 200, answer.content
        cards = [each for each in answer.json()["messages"] if each["kind"] == "fraud_alert"]
        shown: dict[str, Any] = next(each for each in cards if each["id"] == self.card_id)
        return shown

    @property
    def _thread(self) -> str:
        return f"/api/v1/conversations/{self.who.conversation.id}/messages"

    def says(self) -> tuple[str, str]:
        """The state that the card shows, and its words without the number to call."""
        shown = self.card()["card"]
        return shown["state"], str(shown["state_text"]).partition(": ")[0]

    def instruction(self) -> Instruction:
        with serving(self.bank.id):
            return Instruction.objects.get()

    def books(self) -> tuple[str | None, bool]:
        """What became of the instruction at the bank, and whether the card is frozen there."""
        asked = self.instruction()
        kept = self.sandbox.do("GET", "ledger?after=0&limit=1")["instructions"]
        record = next((each for each in kept if each["InstructionId"] == str(asked.id)), None)
        accounts = [one for who in self.sandbox.customers() for one in who["accounts"]]
        cards = [card for account in accounts for card in account["cards"]]
        frozen = next(each["frozen"] for each in cards if each["CardId"] == asked.card_id)
        return (record["Status"] if record else None), bool(frozen)

    def times_received(self) -> int:
        kept = self.sandbox.do("GET", "ledger?after=0&limit=1")["instructions"]
        number = str(self.instruction().id)
        return sum(each["times_received"] for each in kept if each["InstructionId"] == number)

    def press_not_me(self) -> None:
        shown = self.card()
        answer = Client().post(
            f"/api/v1/conversations/{self.who.conversation.id}"
            f"/cards/{self.card_id}/actions/not_me",
            {"rev": shown["rev"]},
            content_type="application/json",
            headers=self.who.headers | {"Idempotency-Key": uuid4().hex},
        )
        assert answer.status_code == 200, answer.content

    def relay(self) -> None:
        while deliver_due(bank_id=self.bank.id, clock=later(self.clock)):
            pass

    def require_no_more_than_is_so(self) -> str:
        state: str = self.card()["card"]["state"]
        record, frozen = self.books()
        if state == "frozen":
            assert (record, frozen) == ("done", True)
        if state == "failed":
            assert record in {None, "failed"}
            assert not frozen
        return state

    def carry(self) -> str:
        """One step of a worker, watched all the while; the state of the card after it."""
        with in_thread(self.carry_unwatched) as step:
            while not step.done():
                self.require_no_more_than_is_so()
        step.result()
        self.relay()
        return self.require_no_more_than_is_so()

    def carry_unwatched(self) -> None:
        carry_due(bank_id=self.bank.id, clock=later(self.clock), at_most=1)

    def carry_to_the_end(self) -> str:
        """All is well from now on: the state in which it comes to rest."""
        self.sandbox.be()
        state = self.carry()
        for _each in range(MOST_STEPS):
            if state not in {"asking", "unknown"}:
                return state
            self.wait(601)
            state = self.carry()
        return state

    def require_the_same(self) -> None:
        state = self.card()["card"]["state"]
        assert {"frozen": ("done", True)}.get(state, (None, False)) == self.books()


@contextmanager
def in_thread(work: Callable[[], object]) -> Iterator[Future[object]]:
    def closing() -> object:
        try:
            return work()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(1) as pool:
        yield pool.submit(closing)


def wait_until(happened: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WITHIN_SECONDS
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture
def unasked(sandbox: SandboxBank, bank: Bank, customer: Customer, alert: Alert) -> Watched:
    who = open_session_of(bank, customer)
    Watched(sandbox, bank, who, "").relay()
    with serving(bank.id):
        card = Message.objects.get(alert_id=alert.id)
    return Watched(sandbox, bank, who, str(card.id))


@pytest.fixture
def watched(unasked: Watched) -> Watched:
    unasked.press_not_me()
    assert unasked.says() == ("asking", "Asking your bank")
    return unasked


SILENT = [
    {"freeze": "broken"},
    {"freeze": "hang"},
    {"freeze": "lost"},
    {"freeze": "late", "freeze_after_ms": 1200},
    {"freeze": "pending", "freeze_after_ms": 1200},
    {"freeze": "conflict"},
    {"freeze": "gone"},
    {"error_rate": 1.0, "status": 500},
    {"error_rate": 1.0, "status": 429},
    {"drop_responses": 1.0},
    {"malformed": 1.0},
    {"latency_ms": 900},
    {"hang": 1.0},
    {"down": True},
]


def name_of(fault: dict[str, Any]) -> str:
    return "-".join(str(each) for pair in fault.items() for each in pair)


@pytest.mark.parametrize("fault", SILENT, ids=name_of)
def test_what_the_bank_did_is_on_the_card_in_the_end(
    watched: Watched, fault: dict[str, Any]
) -> None:
    watched.sandbox.be(**fault)
    first = watched.carry()
    watched.wait(40)
    second = watched.carry()

    assert first == "asking"
    assert second in {"unknown", "frozen"}
    if "freeze_after_ms" in fault:
        # The bank is through with it in its own time, however often it is asked meanwhile.
        wait_until(lambda: watched.books() == ("done", True))
    assert watched.carry_to_the_end() == "frozen"
    watched.require_the_same()


@pytest.mark.parametrize("fault", ["refuse", "conflict", "gone"])
def test_a_refusal_says_nothing_of_a_request_that_is_still_on_its_way(
    watched: Watched, fault: str
) -> None:
    watched.sandbox.be(freeze="late", freeze_after_ms=4000)
    watched.carry()
    watched.sandbox.be(freeze=fault)
    watched.wait(40)
    meanwhile = watched.carry()
    before = watched.books()
    wait_until(lambda: watched.books() == ("done", True))

    assert (meanwhile, before) == ("unknown", (None, False))
    assert watched.says()[1] == "Your bank has not said yet whether the card is frozen"
    assert watched.carry_to_the_end() == "frozen"
    watched.require_the_same()


def test_a_refusal_of_the_only_request_is_said_at_once(watched: Watched) -> None:
    watched.sandbox.be(freeze="refuse")

    assert watched.carry() == "failed"
    assert watched.says() == ("failed", "Your bank refused")
    watched.require_the_same()


def test_what_was_refused_is_not_pressed_and_failed_when_none_can_be_on_its_way(
    watched: Watched,
) -> None:
    watched.sandbox.be(freeze="lost")
    watched.carry()
    watched.sandbox.be(freeze="refuse")
    watched.wait(40)
    watched.carry()
    watched.sandbox.be()
    watched.wait(601)
    rests = watched.carry()
    watched.wait(TWO_DAYS)

    assert rests == "unknown"
    assert watched.times_received() == 0
    assert watched.carry() == "failed"
    assert watched.says() == ("failed", "Your bank refused")
    watched.require_the_same()


def test_a_closed_port_is_no_refusal(watched: Watched) -> None:
    with serving(watched.bank.id):
        right = Integration.objects.get().base_url
        Integration.objects.update(base_url=f"http://aurelia-bank.localhost:{free_port()}")
    first = watched.carry()
    watched.wait(40)
    second = watched.carry()
    said = watched.says()
    with serving(watched.bank.id):
        Integration.objects.update(base_url=right)

    assert (first, second) == ("asking", "unknown")
    assert said == ("unknown", "We could not reach your bank")
    assert watched.carry_to_the_end() == "frozen"
    watched.require_the_same()


# --- whoever asks is dead, hangs, or is not alone -----------------------------------------------------

CARRY = """
import sys
from uuid import UUID
import django
django.setup()
from django.utils import timezone
from partners.instructions.carrying import carry_due
carry_due(bank_id=UUID(sys.argv[1]), clock=timezone.now)
"""


@contextmanager
def worker(bank: Bank, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A process that carries what is due, with the patience that a portal has by itself."""
    database = configured.DATABASES["default"]["NAME"]
    environ = os.environ | {
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "DATABASE_URL": with_database(SERVERS.runtime_url, database),
        "DATABASE_SYSTEM_URL": with_database(SERVERS.system_url, database),
    }
    with log.open("ab") as out:
        process = subprocess.Popen(
            [sys.executable, "-c", CARRY, str(bank.id)],
            cwd=REPOSITORY,
            env=environ,
            stdout=out,
            stderr=out,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize(
    "fault",
    [{"freeze": "hang"}, {"freeze": "late", "freeze_after_ms": 4000}],
    ids=["frozen already", "before it froze"],
)
def test_a_worker_killed_between_sending_and_storing_is_followed_by_a_question(
    watched: Watched, tmp_path: Path, fault: dict[str, Any]
) -> None:
    watched.sandbox.be(**fault)
    with worker(watched.bank, tmp_path / "worker.log") as process:
        if fault["freeze"] == "hang":
            wait_until(lambda: watched.books() == ("done", True))
        else:
            wait_until(lambda: watched.instruction().sent_at is not None)
            time.sleep(0.5)
        process.send_signal(signal.SIGKILL)
        process.wait()
    after_death = watched.require_no_more_than_is_so()
    still_held = carry_due(bank_id=watched.bank.id, clock=later(1))
    watched.wait(LEASE.total_seconds() + 1)
    watched.sandbox.be()

    assert (after_death, still_held) == ("asking", 0)
    assert watched.carry() == "frozen"
    watched.require_the_same()


def test_thirty_seconds_pass_on_the_card_whoever_is_dead(watched: Watched) -> None:
    with serving(watched.bank.id):
        assert claim_errand(at=timezone.now(), lease=timedelta(hours=1)) is not None
    watched.wait(29)
    watched.relay()
    before = watched.says()
    watched.wait(2)
    watched.relay()
    after, rev = watched.says(), watched.card()["rev"]
    watched.relay()

    assert before == ("asking", "Asking your bank")
    assert after == ("unknown", "We could not reach your bank")
    assert watched.card()["rev"] == rev
    watched.wait(3600)
    assert watched.carry_to_the_end() == "frozen"
    watched.require_the_same()


def test_a_late_end_of_patience_takes_nothing_back(watched: Watched) -> None:
    watched.carry()
    watched.wait(31)
    watched.relay()

    assert watched.says()[0] == "frozen"
    watched.require_the_same()


def test_two_workers_at_once_send_one_request(watched: Watched) -> None:
    watched.sandbox.be(freeze="late", freeze_after_ms=300)
    with in_thread(watched.carry_unwatched) as one, in_thread(watched.carry_unwatched) as other:
        while not (one.done() and other.done()):
            watched.require_no_more_than_is_so()
    watched.relay()

    assert watched.says()[0] == "frozen"
    assert watched.times_received() == 1
    watched.require_the_same()


def test_a_worker_that_has_lost_its_lease_stores_nothing(watched: Watched) -> None:
    with serving(watched.bank.id):
        lost = claim_errand(at=timezone.now(), lease=timedelta(0))
    assert lost is not None
    watched.sandbox.be(freeze="pending", freeze_after_ms=600_000)
    watched.wait(40)
    assert watched.carry() == "unknown"
    held = watched.instruction()

    carry(bank_id=watched.bank.id, errand=lost, clock=timezone.now)

    kept = watched.instruction()
    assert (kept.status, kept.due_at, kept.fence) == (held.status, held.due_at, held.fence)
    assert watched.says()[0] == "unknown"


def test_what_we_cannot_cope_with_is_said_as_not_known_and_tried_again(watched: Watched) -> None:
    with serving(watched.bank.id):
        sealed = Connection.objects.get().access_token
        Connection.objects.update(access_token="not a ciphertext")
    watched.wait(40)
    first = watched.carry()
    held = watched.instruction()
    with serving(watched.bank.id):
        Connection.objects.update(access_token=sealed)

    assert first == "unknown"
    assert held.lease_until is None
    assert watched.carry_to_the_end() == "frozen"
    watched.require_the_same()


# --- the bank may not be asked ------------------------------------------------------------------------


def test_a_suspended_bank_is_said_to_be_asked_nothing(watched: Watched) -> None:
    Bank.objects.update(status=Bank.Status.SUSPENDED)
    watched.wait(40)
    # Nobody reads the chat of a suspended bank: the card is looked at when it is admitted again.
    watched.carry_unwatched()
    Bank.objects.update(status=Bank.Status.ADMITTED)

    assert watched.says() == ("unknown", "The chat cannot ask your bank at the moment")
    assert watched.carry_to_the_end() == "frozen"
    watched.require_the_same()


def end_at_the_bank(watched: Watched, login: str) -> None:
    with serving(watched.bank.id):
        consent = Connection.objects.get().external_consent_id
    assert watched.sandbox.do("POST", "withdraw", consent_id=consent, login=login)["withdrawn"]


def test_a_bank_that_was_never_asked_did_not_refuse(
    watched: Watched, person: dict[str, Any]
) -> None:
    end_at_the_bank(watched, person["login"])

    assert watched.carry() == "failed"
    assert watched.says()[1].startswith("Your bank could not be asked, because the account is not")
    watched.require_the_same()


def test_linking_again_asks_what_became_of_it(
    watched: Watched, customer: Customer, person: dict[str, Any], settings: Any
) -> None:
    watched.sandbox.be(freeze="hang")
    watched.carry()
    watched.sandbox.be()
    end_at_the_bank(watched, person["login"])
    watched.wait(40)
    ended = watched.carry()
    said, due = watched.says(), watched.instruction().due_at
    settings.BANK_TIMEOUT_SECONDS = 10
    link(watched.sandbox, customer, person["login"])
    watched.relay()

    assert (ended, due) == ("unknown", None)
    assert said == ("unknown", "The chat can no longer ask your bank whether the card is frozen")
    assert watched.carry() == "frozen"
    assert watched.times_received() == 1
    watched.require_the_same()


def test_another_customers_link_asks_nothing(
    watched: Watched, sandbox: SandboxBank, person: dict[str, Any], settings: Any
) -> None:
    watched.sandbox.be(freeze="hang")
    watched.carry()
    watched.sandbox.be()
    end_at_the_bank(watched, person["login"])
    watched.wait(40)
    watched.carry()
    settings.BANK_TIMEOUT_SECONDS = 10
    somebody = sandbox.customers()[2]
    link(sandbox, know_customer(watched.bank, somebody), somebody["login"])
    watched.relay()

    assert watched.instruction().due_at is None
