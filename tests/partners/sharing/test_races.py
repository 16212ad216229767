"""Taking back while something is being read: nothing is released after that is committed.

Judged from outside: what a program holds names its records, and the write-ahead log says in which order
they and the taking back were committed.
"""

import random
import time
from collections.abc import Callable
from functools import partial
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.consent.actions import Resource, change_consent, revoke_consent
from accounts.disclosure.models import Disclosure
from accounts.linking.actions import end_link
from accounts.linking.models import Link
from messaging.webhooks.sending import send_everything_due
from partners.records.actions import request_erasure
from portal.tenancy.blocks import serving
from tests.messaging.delivery.live import Server
from tests.messaging.delivery.scene import Scene
from tests.messaging.webhooks.receiver import Receiver
from tests.messaging.webhooks.test_api import Hooks
from tests.races import Commits, Doing, stopped_at, wait_for_waiting

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

PAGE = "accounts/{}/transactions"


class World:
    """A program that reads over REST from a real server, and is told by webhook at its own."""

    def __init__(self, portal: Server, receiver: Receiver) -> None:
        self.portal, self.receiver = portal, receiver
        self.scene = Scene()
        Hooks(self.scene.program).create(receiver.url)
        self.scene.relay()
        self.deliver()
        self.receiver.received.clear()
        self.held: list[str] = []
        self.commits = Commits()

    @property
    def bank_id(self) -> UUID:
        return self.scene.home.bank_id

    def read(self) -> int:
        """A page over HTTP; its status."""
        page = PAGE.format(self.scene.home.account.id)
        answer = self.portal.read_as_program(self.scene.token, self.scene.reference, page)
        if answer.status_code == 200:
            assert answer.json()["transactions"]
            self.held.append(answer.headers["Disclosure-Id"])
        return answer.status_code

    def deliver(self) -> None:
        send_everything_due(clock=timezone.now)

    # --- ways to take it back: each gives the row by whose commit it is so

    def revoke(self) -> tuple[str, UUID]:
        with serving(self.bank_id):
            revoke_consent(consent_id=self.scene.consent.id, at=timezone.now(), by="customer")
        return "accounts_consent", self.scene.consent.id

    def narrow(self) -> tuple[str, UUID]:
        with serving(self.bank_id):
            change_consent(
                consent_id=self.scene.consent.id,
                kept=[Resource(self.scene.home.account.id, "feed", "balances")],
                expires_at=self.scene.consent.expires_at,
                at=timezone.now(),
                by="customer",
            )
        return "accounts_consent", self.scene.consent.id

    def unlink(self) -> tuple[str, UUID]:
        home = self.scene.home
        with serving(self.bank_id):
            link = Link.objects.get(customer_id=home.customer.id)
            end_link(customer_id=home.customer.id, account_id=home.account.id, at=timezone.now())
        return "accounts_link", link.id

    def erase(self) -> tuple[str, UUID]:
        with serving(self.bank_id):
            request_erasure(
                customer_id=self.scene.home.customer.id, by="customer", at=timezone.now()
            )
        return "accounts_consent", self.scene.consent.id

    # --- the judge

    def judge(self, table: str, row_id: UUID) -> None:
        """Whatever the program holds, and whatever else was released, was committed before."""
        for each in self.receiver.received:
            if b'"type":"alert.raised"' in each.body:
                self.held += each.headers["disclosure-id"].split(", ")
        with serving(self.bank_id):
            told = Disclosure.objects.filter(
                decision="released", feed__in=["transactions", "fraud_suspected"]
            )
            on_record = {str(each) for each in told.values_list("id", flat=True)}
        assert set(self.held) <= on_record, "something came under no record"
        (ended,) = self.commits.of(table, [row_id]).values()
        released = self.commits.of("accounts_disclosure", on_record)
        late = [each for each, place in released.items() if place > ended]
        assert late == [], f"{len(late)} of {len(released)} were released after it was taken back"


@pytest.fixture
def world(portal: Server, receiver: Receiver) -> World:
    return World(portal, receiver)


WAYS: dict[str, Callable[[World], tuple[str, UUID]]] = {
    "revoke": World.revoke,
    "narrow": World.narrow,
    "unlink": World.unlink,
    "erase": World.erase,
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "table", ["partners_feed", "accounts_consentresource", "partners_entry", "accounts_disclosure"]
)
def test_a_page_that_is_being_read_is_released_before_or_not_at_all(
    world: World, table: str, way: str
) -> None:
    with stopped_at(table):
        reading = Doing(world.read)
        wait_for_waiting(1)
        ending = Doing(partial(WAYS[way], world))
        ending.is_done_or_waiting(2)
    reading.result()
    world.judge(*ending.result())

    assert world.read() in {403, 404}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "table", ["partners_alertrule", "partners_feed", "partners_entry", "accounts_disclosure"]
)
def test_a_webhook_that_is_being_sent_is_released_before_or_not_at_all(
    world: World, table: str, way: str
) -> None:
    world.scene.raise_alert()
    with stopped_at(table):
        sending = Doing(world.deliver)
        wait_for_waiting(1)
        ending = Doing(partial(WAYS[way], world))
        ending.is_done_or_waiting(2)
    sending.result()
    world.judge(*ending.result())
    came = len(world.receiver.received)

    world.scene.raise_alert()
    world.deliver()

    assert not [each for each in world.receiver.received[came:] if b'"transaction":{' in each.body]


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_at_once_nothing_is_released_afterwards(world: World, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  # chooses a moment, keeps no secret
    for _ in range(3):
        world.scene.raise_alert()

    def read_on() -> int:
        """Until it is refused; that status."""
        while (status := world.read()) == 200:
            pass
        return status

    readers = [Doing(read_on) for _ in range(3)]
    enough = chance.randint(1, 25)
    while len(world.held) < enough:
        assert all(each.is_alive() for each in readers), "refused while it was allowed"
        time.sleep(0.001)
    sender = Doing(world.deliver)
    time.sleep(chance.uniform(0, 0.05))
    ended = WAYS[chance.choice(sorted(WAYS))](world)
    sender.result()

    assert {each.result() for each in readers} <= {403, 404}
    world.judge(*ended)
