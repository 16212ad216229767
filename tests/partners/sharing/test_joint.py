"""Accounts with two holders: what one of them ends for a program ends for both, and both see it."""

import threading
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import pytest
from django.db import connections
from django.utils import timezone

from accounts.clients.models import Client
from accounts.consent.models import Consent, Objection
from accounts.linking.actions import end_link
from partners.banks.models import Customer
from partners.records.actions import request_erasure
from partners.sharing import overview
from partners.sharing.actions import change_sharing, end_sharing
from partners.sharing.gate import Recipient, Refused, authorize
from portal.tenancy.blocks import serving, serving_consent, serving_customer
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_household,
    make_link,
)
from tests.factories.accounts import resources as resources_of
from tests.factories.partners import make_account, make_customer
from tests.partners.sharing.test_gate import ask

pytestmark = pytest.mark.django_db


@dataclass
class Couple:
    """Two customers with one account together, each with one of their own; both allow one program all of it."""

    home: Household
    other: Customer
    own: Any  # the first's alone
    theirs: Any  # the other's alone
    program: Client
    mine: Consent
    hers: Consent

    def seen(self, consent: Consent, recipient: Recipient | None = None) -> set[UUID]:
        """What is released under it now."""
        with serving_consent(self.home.bank_id, consent.id):
            decided = authorize(ask(recipient=recipient or Recipient("client", self.program.id)))
        return set() if isinstance(decided, Refused) else set(decided.account_ids)

    def end(self, consent: Consent) -> bool:
        with serving_customer(self.home.bank_id, consent.customer_id):
            return end_sharing(consent_id=consent.id, at=timezone.now())

    def page(self, customer: Customer) -> Any:
        with serving_customer(self.home.bank_id, customer.id):
            at = timezone.now()
            return overview.recipients(self.home.bank, at=at), overview.objected(at=at)


@pytest.fixture
def couple() -> Couple:
    home = make_household()
    other, program = make_customer(home.bank), make_client(name="Thrift Garden")
    own, theirs = (make_account(home.bank, name=name) for name in ("Mine", "Theirs"))
    make_link(home.customer, own)
    make_link(other, home.account)
    make_link(other, theirs)
    return Couple(
        home,
        other,
        own,
        theirs,
        program,
        make_consent(home.customer, [home.account, own], client=program),
        make_consent(other, [home.account, theirs], client=program),
    )


def test_what_one_holder_ends_for_a_program_ends_for_both(couple: Couple) -> None:
    joint = couple.home.account.id
    assert couple.seen(couple.mine) == {joint, couple.own.id}
    assert couple.seen(couple.hers) == {joint, couple.theirs.id}

    assert couple.end(couple.mine)

    assert couple.seen(couple.mine) == set()
    assert couple.seen(couple.hers) == {couple.theirs.id}
    with serving(couple.home.bank_id):
        assert Consent.objects.get(pk=couple.hers.id).ended_at is None


def test_both_see_it(couple: Couple) -> None:
    couple.end(couple.mine)

    (their,), nothing = couple.page(couple.other)
    none, mine = couple.page(couple.home.customer)

    assert their["objected"] == [couple.home.account.name]
    assert nothing == []
    assert none == []
    assert [(each["name"], each["account"]) for each in mine] == [
        ("Thrift Garden", couple.home.account.name)
    ]


def test_other_programs_and_the_chat_of_the_other_holder_go_on(couple: Couple) -> None:
    joint, second = couple.home.account.id, make_client()
    chat = make_consent(couple.other, [couple.home.account])
    more = make_consent(couple.other, [couple.home.account], client=second)
    mine = make_consent(couple.home.customer, [couple.home.account])

    couple.end(couple.mine)
    assert not couple.end(mine), "the chat of each is their own"

    assert couple.seen(chat, Recipient("chat")) == {joint}
    assert couple.seen(more, Recipient("client", second.id)) == {joint}


def test_it_holds_against_what_the_other_allows_later(couple: Couple) -> None:
    couple.end(couple.mine)

    again = make_consent(couple.other, [couple.home.account, couple.theirs], client=couple.program)

    assert couple.seen(again) == {couple.theirs.id}


def test_who_ended_it_allows_it_again_for_both(couple: Couple) -> None:
    joint = couple.home.account.id
    couple.end(couple.mine)

    mine = make_consent(couple.home.customer, [couple.home.account], client=couple.program)

    assert couple.seen(mine) == {joint}
    assert couple.seen(couple.hers) == {joint, couple.theirs.id}
    assert couple.page(couple.other)[0][0]["objected"] == []


def test_both_may_end_it_and_then_both_have_to_allow_it(couple: Couple) -> None:
    for each in (couple.mine, couple.hers):
        assert couple.end(each)

    mine = make_consent(couple.home.customer, [couple.home.account], client=couple.program)
    assert couple.seen(mine) == set()
    hers = make_consent(couple.other, [couple.home.account], client=couple.program)

    assert couple.seen(mine) == couple.seen(hers) == {couple.home.account.id}


def test_an_account_that_is_switched_off_ends_for_both_and_a_feed_for_one(couple: Couple) -> None:
    bank_id, joint = couple.home.bank_id, couple.home.account
    with serving_customer(bank_id, couple.home.customer.id):
        fewer = [
            *resources_of([couple.own]),
            *resources_of([joint], feeds=["balances", "transactions"]),
        ]
        ended = change_sharing(
            consent_id=couple.mine.id,
            kept=fewer,
            expires_at=couple.mine.expires_at,
            at=timezone.now(),
        )
    assert not ended
    assert couple.seen(couple.hers) == {joint.id, couple.theirs.id}
    with serving(bank_id):
        mine = Consent.objects.get(customer=couple.home.customer, ended_at=None)
    with serving_customer(bank_id, couple.home.customer.id):
        assert change_sharing(
            consent_id=mine.id,
            kept=resources_of([couple.own]),
            expires_at=mine.expires_at,
            at=timezone.now(),
        )

    assert couple.seen(couple.hers) == {couple.theirs.id}


def test_who_holds_it_no_more_has_no_say_in_it(couple: Couple) -> None:
    couple.end(couple.mine)
    with serving_customer(couple.home.bank_id, couple.home.customer.id):
        end_link(
            customer_id=couple.home.customer.id,
            account_id=couple.home.account.id,
            at=timezone.now(),
        )

    assert couple.seen(couple.hers) == {couple.home.account.id, couple.theirs.id}


def test_one_who_has_everything_erased_takes_nothing_from_the_other(couple: Couple) -> None:
    with serving(couple.home.bank_id):
        request_erasure(customer_id=couple.home.customer.id, by="customer", at=timezone.now())

    assert couple.seen(couple.mine) == set()
    assert couple.seen(couple.hers) == {couple.home.account.id, couple.theirs.id}


def test_an_account_with_one_holder_is_nobody_elses(couple: Couple) -> None:
    with serving_customer(couple.home.bank_id, couple.home.customer.id):
        end_link(
            customer_id=couple.home.customer.id,
            account_id=couple.home.account.id,
            at=timezone.now(),
        )

    assert not couple.end(couple.mine)

    with serving(couple.home.bank_id):
        assert not Objection.objects.exists()
    assert couple.seen(couple.hers) == {couple.home.account.id, couple.theirs.id}


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_two_who_end_it_at_once_do_not_wait_in_a_ring(couple: Couple) -> None:
    failed: list[BaseException] = []

    def run(consent: Consent) -> None:
        try:
            couple.end(consent)
        except BaseException as reason:  # noqa: BLE001  # told below
            failed.append(reason)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=run, args=[each]) for each in (couple.mine, couple.hers)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()

    assert failed == []
    with serving(couple.home.bank_id):
        assert Objection.objects.count() == 2
