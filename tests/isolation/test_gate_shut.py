"""With the gate shut nothing is released by any door: there is no other way out.

Every route, frame, event and task (`doors.py`), each called by whoever it is for. First with the gate as it
is, so that the rest of this file could fail.
"""

from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import transaction
from django.utils import timezone

from accounts.disclosure.models import Disclosure
from partners.ledger.models import Balance, Entry
from partners.purchases.models import ReceiptLine, Shipment
from partners.sharing import gate
from partners.sharing.cards import Withheld, may_announce
from partners.sharing.news import tell_alerts
from partners.sharing.reading import Reader
from partners.sharing.rules import Ask, Door, Reason, Recipient, Refused
from portal.rest.money import decimal_text
from portal.tenancy.blocks import serving, serving_consent
from tests.isolation import doors as all_doors
from tests.isolation.test_routes import reach
from tests.isolation.witness import undone
from tests.isolation.world import World

pytestmark = pytest.mark.django_db(databases="__all__")

DOORS = list(all_doors.doors())
# Told although the gate is not asked at that moment: what was asked before it was shut (decision 0007),
# and the accounts of a consent that is given in the same transaction (docs/architecture.md). And what staff
# look up in the record itself, which holds no data.
NOT_ASKED = ("bank", Door.WINDOW.value, "console")
# Where a bank's own staff are shown the bank's own payments, to say which of them are one, on the record.
TO_STAFF = {"GET console /banks/<slug:slug>/review/"}
# Doors of the record that a good call of somebody's opens. What a worker sends is asked for below.
OPENED = {Door.REST, Door.SOCKET}


def money_of(world: World) -> frozenset[str]:
    """What only a bank knows of the victim: amounts, shops, goods, parcels."""
    with serving(world.victim.bank_id):
        entries = list(Entry.objects.filter(account_id=world.victim.account.id))
        balances = list(Balance.objects.filter(account_id=world.victim.account.id))
        lines = list(ReceiptLine.objects.filter(account_id=world.victim.account.id))
        parcels = list(Shipment.objects.filter(account_id=world.victim.account.id))
    amounts = {decimal_text(abs(it.amount_minor), it.currency) for it in [*entries, *balances]}
    named = {text for each in entries for text in (each.merchant_name, each.description)}
    bought = {each.description for each in lines} | {each.tracking_code for each in parcels}
    return frozenset(filter(None, amounts | named | bought))


def released(world: World) -> list[tuple[str, str]]:
    """What is on the record as released: through which door, to whom."""
    with serving(world.victim.bank_id):
        rows = Disclosure.objects.filter(decision=Disclosure.Decision.RELEASED)
        return [
            (door, recipient)
            for door, recipient in rows.order_by("id").values_list("door", "recipient")
            if door not in NOT_ASKED and recipient not in NOT_ASKED
        ]


def texts(answered: Any) -> Iterator[str]:
    """All that somebody was told."""
    if answered is None:
        return
    content = getattr(answered, "content", None)
    yield content.decode(errors="replace") if isinstance(content, bytes) else repr(answered)
    if getattr(answered, "streaming", False):
        yield _streamed(answered).decode(errors="replace")


def _streamed(answered: Any) -> bytes:
    if not answered.is_async:
        return b"".join(answered.streaming_content)

    async def collected() -> bytes:
        return b"".join([each async for each in answered.streaming_content])

    return async_to_sync(collected)()


def shut(ask: Ask, *_given: Any) -> Refused:
    return Refused(Reason.NO_CONSENT, ask)


def test_while_it_is_open_these_doors_release_and_show(world: World) -> None:
    money, through, showing = money_of(world), set(), set()
    for door in DOORS:
        if door.calls_bank:
            continue
        with undone():
            call = door.prepare(world)
            before = len(released(world))
            answered = None
            with suppress(Exception):
                answered = call()
            transaction.set_rollback(False)
            through |= {each for each, _to in released(world)[before:]}
            if any(secret in text for text in texts(answered) for secret in money):
                showing.add(door.name)

    assert through >= {each.value for each in OPENED}
    assert {"frame sub of a conversation", "frame sub of a consent"} <= showing
    assert len(showing) >= 8, showing


@pytest.mark.parametrize("is_shut", [False, True], ids=["open", "shut"])
def test_what_a_worker_sends_asks_the_same_gate(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_shut: bool,
) -> None:
    """A mail, a notification and a webhook, as their senders ask right before they leave."""
    at, alert, bank_id = timezone.now(), world.victim.alert, world.victim.bank_id
    if is_shut:
        monkeypatch.setattr(gate, "decide", shut)
    with undone():
        before = len(released(world))
        with world.victim.serving():
            told = [
                may_announce(alert.id, door=door, at=at, noted=False)
                for door in (Door.MAIL, Door.PUSH)
            ]
        with serving_consent(bank_id, world.victim.consent.id):
            recipient = Recipient("client", world.program.client.id)
            reader = Reader(recipient, at, Door.WEBHOOK)
            (body,) = tell_alerts(reader, [alert.id]).values()

        assert told == [not is_shut, not is_shut]
        assert isinstance(body, Withheld) == is_shut
        assert (len(released(world)) == before) == is_shut


@pytest.mark.parametrize("door", DOORS, ids=lambda each: each.name)
def test_shut_it_lets_nothing_out(
    world: World,
    door: all_doors.Door,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    if door.calls_bank:
        reach(world, request.getfixturevalue("reachable_bank"))
    with undone():
        call = door.prepare(world)
        money, before = money_of(world), released(world)
        monkeypatch.setattr(gate, "decide", shut)
        answered = call()

        assert released(world) == before
        told = [secret for text in texts(answered) for secret in money if secret in text]
        assert told == [] or door.name in TO_STAFF
        assert getattr(answered, "status_code", 200) < 500
