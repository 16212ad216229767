"""Receipts and shipments from a real bank: told late, twice, in disorder and wrong, and right in the end."""

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent, ConsentResource
from accounts.disclosure.models import Disclosure
from partners.banks.models import Bank
from partners.feeds.models import FeedCursor
from partners.ledger.models import Account, Balance, Entry
from partners.purchases.models import PurchaseConflict, Receipt, ReceiptLine, Shipment
from partners.sharing.actions import refresh_balances
from partners.sharing.gate import Door
from partners.sync.models import SyncRun
from partners.sync.pulling import pull_bank
from portal.outbox.models import OutboxEvent
from portal.tenancy.blocks import serving, serving_customer
from tests.sandbox_bank import EVERYTHING, SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

ALL = ("balances", "transactions", "receipts", "shipments")
LISTED = {"pending", "booked"}
Json = dict[str, Any]


@pytest.fixture
def bank(sandbox: SandboxBank) -> Bank:
    return know_bank(sandbox, feeds=ALL)


@pytest.fixture
def linked(sandbox: SandboxBank, bank: Bank, person: Json) -> Bank:
    """The bank, once everything of a customer has been read for the first time."""
    choice = EVERYTHING | {"feeds": list(ALL)}
    link(sandbox, know_customer(bank, person), person["login"], choice=choice)
    assert pull_bank(bank_id=bank.id, clock=timezone.now) > 0
    return bank


def read_again(bank: Bank) -> None:
    with serving(bank.id):
        FeedCursor.objects.update(due_at=timezone.now())
    pull_bank(bank_id=bank.id, clock=timezone.now)


def told_by(sandbox: SandboxBank, kind: str) -> dict[str, Json]:
    """The bank's own view: the highest revision of each that it ever told."""
    highest: dict[str, Json] = {}
    place = 0
    while True:
        answer = sandbox.do("GET", f"updates?after={place}")
        for each in answer["updates"]:
            held = highest.get(each["id"])
            if each["kind"] == kind and (held is None or each["Revision"] >= held["Revision"]):
                highest[each["id"]] = each
        if place == answer["next_after"]:
            return highest
        place = answer["next_after"]


def listed_by(sandbox: SandboxBank) -> set[int]:
    """The payments that the bank lists: other tests have one lapse."""
    keys: set[int] = set()
    place, has_more = 0, True
    while has_more:
        page = sandbox.do("GET", f"ledger?after={place}&limit=5000")
        keys |= {each["key"] for each in page["transactions"] if each["status"] in LISTED}
        place, has_more = page["next_after"], page["has_more"]
    return keys


def accounts_of(person: Json) -> set[str]:
    return {each["AccountId"] for each in person["accounts"]}


def heard(bank: Bank, name: str, entry: Entry) -> list[Json]:
    """What was told of one payment: what others bought at the same bank moves on meanwhile."""
    with serving(bank.id):
        told = OutboxEvent.objects.filter(name=name, data__entry_id=str(entry.id))
        return [each.data for each in told.order_by("id")]


def balances_told(bank: Bank) -> list[str]:
    with serving(bank.id):
        told = OutboxEvent.objects.filter(name="partners.balances_read")
        return sorted(each.data["account_id"] for each in told)


def conflicts(bank: Bank) -> list[str]:
    with serving(bank.id):
        return list(PurchaseConflict.objects.values_list("reason", flat=True))


def parcel_of(sandbox: SandboxBank, bought: Json) -> str:
    return f"shp-{bought['AccountId']}-{bought['TransactionId']}"


def comes_to(body: Json) -> Decimal:
    """What the parts of a receipt come to, by the published definition."""
    added = Decimal(0) if body["Tax"]["Included"] else Decimal(body["Tax"]["Amount"])
    return sum((Decimal(each["Amount"]) for each in body["Lines"]), Decimal(0)) - (
        Decimal(body["Discount"]) - added
    )


def test_the_first_reading_keeps_what_the_bank_told_tied_and_adding_up(
    sandbox: SandboxBank, linked: Bank, person: Json
) -> None:
    mine = accounts_of(person)
    told = {
        kind: {
            key: each for key, each in told_by(sandbox, kind).items() if each["AccountId"] in mine
        }
        for kind in ("receipt", "shipment")
    }
    # Other tests have the same bank say nonsense too.
    right = {
        key: each
        for key, each in told["receipt"].items()
        if comes_to(each["body"]) == Decimal(each["body"]["Total"])
    }

    listed = listed_by(sandbox)

    with serving(linked.id):
        kept = {each.external_id: each for each in Receipt.objects.select_related("entry")}
        lines = list(ReceiptLine.objects.values_list("receipt_id", "amount_minor"))
        ways = dict(Shipment.objects.values_list("external_id", "revision"))
        runs = set(SyncRun.objects.values_list("outcome", "problem"))
        # Banks write times in whole seconds: what happens within the first one is news too.
        began = Account.objects.earliest("created_at").created_at.replace(microsecond=0)
        told_of = set(
            OutboxEvent.objects.filter(name="partners.receipt_issued").values_list(
                "data__receipt_id", flat=True
            )
        )
    assert len(right) > 5
    assert set(kept) == set(right)
    assert ways == {key: each["Revision"] for key, each in told["shipment"].items()}
    for key, row in kept.items():
        added = sum(amount for receipt_id, amount in lines if receipt_id == row.id)
        assert added - row.discount_minor == row.total_minor
        assert row.total_minor == int(Decimal(right[key]["body"]["Total"]) * 100)
        assert (row.entry is not None) is (right[key]["transaction_key"] in listed)
        assert row.entry is None or row.total_minor == -row.entry.amount_minor
    assert runs == {("complete", "")}
    history = {str(row.id) for row in kept.values() if row.issued_at < began}
    assert len(history) > 5
    assert not history & told_of


def test_news_of_a_purchase_is_told_once_with_its_permanent_id(
    sandbox: SandboxBank, linked: Bank, person: Json
) -> None:
    bought = sandbox.buy(person["login"], amount="23.40", receipt="now", parcel=True)

    read_again(linked)
    read_again(linked)

    with serving(linked.id):
        entry = Entry.objects.get(external_id=bought["TransactionId"])
        receipt = Receipt.objects.get(entry=entry)
        shipment = Shipment.objects.get(entry=entry)
    assert [each["entry_id"] for each in heard(linked, "partners.receipt_issued", entry)] == [
        str(entry.id)
    ]
    assert [each["shipment_id"] for each in heard(linked, "partners.shipment_moved", entry)] == [
        str(shipment.id)
    ]
    assert receipt.total_minor == 2340


def test_reading_again_asks_only_for_what_is_new(linked: Bank) -> None:
    with serving(linked.id):
        before = dict(FeedCursor.objects.values_list("id", "cursor"))
        kept = (Receipt.objects.count(), Shipment.objects.count(), OutboxEvent.objects.count())

    read_again(linked)

    with serving(linked.id):
        assert dict(FeedCursor.objects.values_list("id", "cursor")) == before
        assert kept == (
            Receipt.objects.count(),
            Shipment.objects.count(),
            OutboxEvent.objects.count(),
        )
        last = SyncRun.objects.filter(kind="receipts").latest("started_at")
    assert (last.outcome, last.pages, last.added) == ("complete", 1, 0)


def test_a_receipt_that_does_not_add_up_is_kept_aside_until_it_is_corrected(
    sandbox: SandboxBank, linked: Bank, person: Json
) -> None:
    bought = sandbox.buy(person["login"], amount="31.20", receipt="broken")
    read_again(linked)
    with serving(linked.id):
        before = Receipt.objects.filter(transaction_external_id=bought["TransactionId"]).exists()

    named = f"rcp-{bought['AccountId']}-{bought['TransactionId']}"
    sandbox.do("POST", "receipts/correct", receipt_id=named)
    read_again(linked)

    with serving(linked.id):
        receipt = Receipt.objects.get(external_id=named)
    assert before is False
    assert "total_wrong" in conflicts(linked)
    assert (receipt.revision, receipt.total_minor) == (2, 3120)


def test_a_receipt_before_its_purchase_waits_for_it(
    sandbox: SandboxBank, linked: Bank, person: Json
) -> None:
    ahead = sandbox.do("POST", f"customers/{person['login']}/receipt", amount="17.80")
    read_again(linked)
    with serving(linked.id):
        waiting = Receipt.objects.get(external_id=ahead["ReceiptId"])
        silent = not OutboxEvent.objects.filter(data__receipt_id=str(waiting.id)).exists()

    sandbox.buy(person["login"], announced=ahead["TransactionId"])
    read_again(linked)

    with serving(linked.id):
        entry = Entry.objects.get(external_id=ahead["TransactionId"])
        assert Receipt.objects.get(external_id=ahead["ReceiptId"]).entry_id == entry.id
    assert (waiting.entry_id, silent) == (None, True)
    assert [each["entry_id"] for each in heard(linked, "partners.receipt_issued", entry)] == [
        str(entry.id)
    ]


def test_a_payment_that_gets_another_number_keeps_what_belongs_to_it(
    sandbox: SandboxBank, linked: Bank, person: Json
) -> None:
    bought = sandbox.buy(person["login"], amount="19.00", receipt="later", parcel=True)
    read_again(linked)
    with serving(linked.id):
        entry = Entry.objects.get(external_id=bought["TransactionId"])
    sandbox.be(renumber=True)
    sandbox.do("POST", "book")
    sandbox.do("POST", "parcels/move", parcel_id=parcel_of(sandbox, bought))

    read_again(linked)

    with serving(linked.id):
        shipment = Shipment.objects.get(external_id=parcel_of(sandbox, bought))
        now = Entry.objects.get(pk=entry.pk)
    assert now.external_id != bought["TransactionId"]
    assert (shipment.entry_id, shipment.revision) == (entry.id, 2)
    assert shipment.transaction_external_id == now.external_id


def test_in_disorder_and_twice_a_parcel_ends_where_the_bank_says(
    sandbox: SandboxBank, linked: Bank, person: Json
) -> None:
    bought = sandbox.buy(person["login"], amount="64.00", parcel=True)
    parcel = parcel_of(sandbox, bought)
    sandbox.be(duplicate_updates=True, reorder_updates=True)
    seen = []
    for step in range(3):
        sandbox.do("POST", "parcels/move", parcel_id=parcel)
        sandbox.do("POST", "updates/again", id=parcel, revision=1)
        if step != 1:
            read_again(linked)
            with serving(linked.id):
                seen.append(Shipment.objects.get(external_id=parcel).revision)

    last = told_by(sandbox, "shipment")[parcel]
    with serving(linked.id):
        kept = Shipment.objects.select_related("entry").get(external_id=parcel)
    revisions = [each["revision"] for each in heard(linked, "partners.shipment_moved", kept.entry)]
    assert (kept.revision, kept.status) == (last["Revision"], last["body"]["Status"])
    assert seen == [2, 4]
    assert revisions == sorted(set(revisions))
    assert "said_differently" not in conflicts(linked)


def test_a_place_that_the_bank_does_not_know_is_forgotten_and_all_is_read_again(
    linked: Bank,
) -> None:
    with serving(linked.id):
        before = Receipt.objects.count()
        cursors = FeedCursor.objects.filter(kind="receipts")
        cursors.update(cursor="nonsense")

    read_again(linked)
    with serving(linked.id):
        problems = set(cursors.values_list("last_problem", flat=True))
    read_again(linked)

    with serving(linked.id):
        assert Receipt.objects.count() == before
        assert set(cursors.values_list("last_problem", flat=True)) == {""}
    assert problems == {"bad_cursor"}


@pytest.mark.parametrize("fault", [{"malformed": 1}, {"error_rate": 1, "status": 503}])
def test_trouble_keeps_the_place_and_says_so(
    sandbox: SandboxBank, linked: Bank, fault: Json
) -> None:
    with serving(linked.id):
        FeedCursor.objects.exclude(kind="shipments").update(due_at=None)
        cursors = FeedCursor.objects.filter(kind="shipments")
        before = dict(cursors.values_list("id", "cursor"))
        fresh = dict(cursors.values_list("id", "fresh_as_of"))
        cursors.update(due_at=timezone.now())
    sandbox.be(**fault)

    pull_bank(bank_id=linked.id, clock=timezone.now)

    with serving(linked.id):
        assert dict(cursors.values_list("id", "cursor")) == before
        assert dict(cursors.values_list("id", "fresh_as_of")) == fresh
        failed = SyncRun.objects.filter(outcome="failed", kind="shipments")
        assert failed.exists()
        assert not SyncRun.objects.filter(outcome="running").exists()


def test_what_was_read_of_purchases_is_on_the_record_and_ends_with_the_consent(
    linked: Bank,
) -> None:
    with serving(linked.id):
        kept = {"receipts": Receipt.objects.count(), "shipments": Shipment.objects.count()}
        rows = list(Disclosure.objects.filter(recipient="portal", feed__in=kept))
        read = {feed: sum(e.row_count for e in rows if e.feed == feed) for feed in kept}
        revoke_consent(consent_id=Consent.objects.get().id, at=timezone.now(), by="customer")
        place = set(FeedCursor.objects.filter(kind="receipts").values_list("cursor", flat=True))

    read_again(linked)

    with serving(linked.id):
        refused = Disclosure.objects.filter(decision="refused", feed__in=kept)
        assert set(refused.values_list("reason", flat=True)) == {"consent_revoked"}
        cursors = FeedCursor.objects.filter(kind="receipts")
        # Allowed again, it goes on where it stood.
        assert set(cursors.values_list("cursor", flat=True)) == place
    assert read == kept
    assert kept["receipts"] > 0


def test_receipts_alone_are_tied_to_payments_that_nobody_is_shown(
    sandbox: SandboxBank, bank: Bank, person: Json
) -> None:
    choice = {"feeds": ["receipts"], "alert_types": [], "days": 30}
    link(sandbox, know_customer(bank, person), person["login"], choice=choice)

    pull_bank(bank_id=bank.id, clock=timezone.now)

    with serving(bank.id):
        kinds = set(FeedCursor.objects.values_list("kind", "last_problem"))
        allowed = set(ConsentResource.objects.values_list("code", flat=True))
        tied = set(Receipt.objects.values_list("entry_id", flat=True))
    assert kinds == {("receipts", ""), ("transactions", "")}
    assert allowed == {"receipts"}
    assert tied - {None}


def test_balances_that_somebody_waits_for_are_told_when_they_are_read(
    sandbox: SandboxBank, bank: Bank, person: Json
) -> None:
    customer = know_customer(bank, person)
    linked = link(sandbox, customer, person["login"])
    pull_bank(bank_id=bank.id, clock=timezone.now)
    silent = balances_told(bank)
    with serving(bank.id):
        Balance.objects.update(read_at=timezone.now() - timedelta(hours=1))
        FeedCursor.objects.update(due_at=timezone.now() + timedelta(hours=1))

    with serving_customer(bank.id, customer.id):
        asked = refresh_balances(linked.account_ids, door=Door.REST, at=timezone.now())
    pull_bank(bank_id=bank.id, clock=timezone.now)
    read_again(bank)

    assert (silent, asked) == ([], True)
    assert balances_told(bank) == sorted(str(each) for each in linked.account_ids)
    with serving(bank.id):
        assert not FeedCursor.objects.filter(asked_at__isnull=False).exists()
