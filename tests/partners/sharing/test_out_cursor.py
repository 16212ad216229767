"""The changes as they leave: nothing skipped and nothing repeated, whoever commits what meanwhile."""

import random
from functools import partial
from threading import Event
from typing import Any
from uuid import UUID

import pytest

from accounts.consent.references import consent_reference
from partners.ledger.actions import held_account
from portal.tenancy.blocks import serving
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_household,
    make_link,
)
from tests.factories.partners import make_account
from tests.messaging.delivery.live import Server
from tests.partners.sharing.many_hands import Hands, Reader, Version, merge, record
from tests.partners.sharing.test_api import Program
from tests.races import Doing, wait_for_waiting

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

WRITERS, READERS, TRANSACTIONS = 5, 3, 3


class World:
    """A customer with three accounts, and programs that may read of them over a real server."""

    def __init__(self, portal: Server) -> None:
        self.portal = portal
        self.home: Household = make_household()
        self.accounts = [make_account(self.home.bank) for _ in range(3)]
        for each in self.accounts:
            make_link(self.home.customer, each)
        self.hands = Hands(self.home.bank_id, sorted(each.id for each in self.accounts))

    def reader(self, limit: int) -> Reader:
        client = make_client()
        consent = make_consent(self.home.customer, self.accounts, client=client)
        program = Program(client, consent_reference(self.home.bank_id, consent.id))

        def read(path: str) -> dict[str, Any]:
            answer = self.portal.read_as_program(program.token, program.reference, path)
            assert answer.status_code == 200, answer.text
            body: dict[str, Any] = answer.json()
            return body

        return Reader(read, self.hands, limit)


@pytest.fixture
def world(portal: Server) -> World:
    return World(portal)


@pytest.mark.parametrize("seed", [1])
def test_many_writers_at_once_skip_nothing_and_repeat_nothing(world: World, seed: int) -> None:
    def write(number: int) -> None:
        chance = random.Random(seed * 100 + number)  # noqa: S311  # keeps no secret
        for _ in range(TRANSACTIONS):
            world.hands.write(chance)

    def read_on(reader: Reader, writers: list[Doing]) -> None:
        with world.hands.while_reading():
            while any(each.is_alive() for each in writers):
                reader.walk()

    readers = [world.reader(limit) for limit in range(1, READERS + 1)]
    writers = [Doing(partial(write, number)) for number in range(WRITERS)]
    reading = [Doing(partial(read_on, each, writers)) for each in readers]
    for each in [*writers, *reading]:
        each.result()

    truth = world.hands.truth()
    assert truth
    for reader in readers:
        reader.walk()
        assert reader.held == truth


def test_who_commits_first_is_told_first_however_late_the_other_began(world: World) -> None:
    """What a sequence would do wrong: the later number is committed while the earlier one is not."""
    account_id = world.hands.account_ids[0]
    reader = world.reader(limit=10)
    taken, may_commit = Event(), Event()

    def write(name: str, *, wait: bool) -> None:
        with serving(world.home.bank_id):
            merge(held_account(account_id), [record(Version(name, 1))])
            taken.set()
            if wait:
                assert may_commit.wait(10)

    first = Doing(partial(write, "row-first", wait=True))
    assert taken.wait(10)
    second = Doing(partial(write, "row-second", wait=False))
    second.is_done_or_waiting(1)
    reader.page()
    may_commit.set()
    first.result()
    second.result()
    reader.page()

    assert sorted(reader.held.values()) == ["row-first 1", "row-second 1"]
    assert reader.held == world.hands.truth()


def test_a_writer_of_one_account_holds_up_nobody_of_another(world: World) -> None:
    one, other = world.hands.account_ids[:2]
    reader = world.reader(limit=10)

    def write(account_id: UUID, name: str) -> None:
        with serving(world.home.bank_id):
            merge(held_account(account_id), [record(Version(name, 1))])

    with serving(world.home.bank_id):
        merge(held_account(one), [record(Version("row-late", 1))])
        waiting = Doing(partial(write, one, "row-later"))
        wait_for_waiting(1)
        Doing(partial(write, other, "row-early")).result()
        reader.page()
        assert list(reader.held.values()) == ["row-early 1"]
    waiting.result()
    reader.page()

    assert reader.held == world.hands.truth()
    assert len(reader.held) == 3
