"""Which payment a receipt belongs to, and which receipt a parcel: by what names it, and never by a guess."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest

from partners.connectors.base import ReceiptLine, ReceiptRecord, TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.by_id import rename_pending
from partners.ledger.models import FIRST_SOURCE, Account, Entry, EntryAlias
from partners.ledger.queries import entries_named
from partners.purchases.actions import record_receipts, tie_waiting
from partners.purchases.models import Receipt
from partners.purchases.rules import receipt_of
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_entry
from tests.factories.partners import make_account, make_bank
from tests.factories.purchases import occasion, receipt_record

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
ONE, TWO, THREE = (UUID(int=number) for number in (1, 2, 3))


@pytest.mark.parametrize(
    ("merchant", "receipts", "receipt"),
    [
        ("Casa Tegola", [], None),
        # A marketplace gives the receipt, a shop sends the parcel: the only one is it, by any name.
        ("Casa Tegola", [(ONE, "Mercato")], ONE),
        ("Casa Tegola", [(ONE, "Mercato"), (TWO, "CASA  TEGOLA")], TWO),
        ("Casa Tegola", [(ONE, "Casa Tegola"), (TWO, "Casa Tegola")], None),
        ("Casa Tegola", [(ONE, "Mercato"), (TWO, "Oliveto")], None),
        ("", [(ONE, ""), (TWO, ""), (THREE, "Oliveto")], None),
    ],
)
def test_a_parcels_receipt_is_the_only_one_that_it_can_be(
    merchant: str, receipts: list[tuple[UUID, str]], receipt: UUID | None
) -> None:
    assert receipt_of(merchant, receipts) == receipt


@pytest.fixture
def account() -> Account:
    return make_account(make_bank())


def bought(external_id: str, **fields: Any) -> TransactionRecord:
    base = TransactionRecord(
        external_id=external_id,
        status="posted",
        amount_minor=-1420,
        currency="EUR",
        booked_on=date(2026, 11, 20),
        booked_on_source="date",
        kind="card_purchase",
        merchant_name="Mercato Oliveto",
    )
    return replace(base, **fields)


def banks_list(account: Account, *records: TransactionRecord) -> None:
    """The bank lists these payments, whole, and what waited for one of them is tied."""
    was = {each.pending_external_id: each.external_id for each in records}
    posted = {before: after for before, after in was.items() if before and after}
    with serving(account.bank_id):
        held = held_account(account.id)
        rename_pending(held, source=FIRST_SOURCE, posted=posted)
        merge_entries(
            held,
            source=FIRST_SOURCE,
            records=records,
            window_from=date(2026, 11, 10),
            remove_missing=True,
            at=AT,
        )
        tie_waiting(account_id=account.id, occasion=occasion())


def bank_tells(account: Account, *records: ReceiptRecord) -> None:
    with serving(account.bank_id):
        record_receipts(account_id=account.id, records=records, occasion=occasion())


def payments_of(account: Account) -> dict[str, tuple[str, int] | None]:
    """What each receipt is tied to, as the payment stands now: its id at the bank, and its amount."""
    with serving(account.bank_id):
        rows = Receipt.objects.select_related("entry").order_by("external_id")
        return {
            each.external_id: each.entry and (each.entry.external_id, each.entry.amount_minor)
            for each in rows
        }


@pytest.mark.django_db
def test_two_equal_purchases_of_a_day_have_each_its_own_receipt_in_any_order(
    account: Account,
) -> None:
    bank_tells(account, receipt_record(external_id="r-2", transaction_external_id="t-2"))
    banks_list(account, bought("t-2"), bought("t-1"))
    bank_tells(account, receipt_record(external_id="r-1", transaction_external_id="t-1"))

    assert payments_of(account) == {"r-1": ("t-1", -1420), "r-2": ("t-2", -1420)}


@pytest.mark.django_db
def test_a_refund_has_a_receipt_of_its_own_beside_the_purchases(account: Account) -> None:
    back = ReceiptLine("Tagliatelle", 2000, "", -450, 0, -900)
    bought_and_back = [bought("t-1"), bought("t-2", amount_minor=900, kind="card_refund")]
    banks_list(account, *bought_and_back)

    bank_tells(
        account,
        receipt_record(external_id="r-1", transaction_external_id="t-1"),
        receipt_record(
            external_id="r-2",
            transaction_external_id="t-2",
            lines=(back,),
            total_minor=-900,
            tax_minor=None,
        ),
    )

    assert payments_of(account) == {"r-1": ("t-1", -1420), "r-2": ("t-2", 900)}


@pytest.mark.django_db
@pytest.mark.parametrize(
    "posted",
    [
        # Under the id that it had, with a tip.
        {"external_id": "t-1", "amount_minor": -1620},
        # Under a new id that says which one it was.
        {"external_id": "t-9", "pending_external_id": "t-1", "amount_minor": -1620},
        # Under a new id, and the same else.
        {"external_id": "t-9"},
    ],
)
def test_a_payment_keeps_its_receipt_when_it_is_posted(
    account: Account, posted: dict[str, Any]
) -> None:
    banks_list(account, bought("t-1", status="pending"))
    bank_tells(account, receipt_record(external_id="r-1", transaction_external_id="t-1"))

    banks_list(account, replace(bought("t-1"), **posted))
    # One that is told only now, by the id from before.
    bank_tells(account, receipt_record(external_id="r-2", transaction_external_id="t-1"))

    stands = (posted["external_id"], posted.get("amount_minor", -1420))
    assert payments_of(account) == {"r-1": stands, "r-2": stands}


@pytest.mark.django_db
def test_what_is_posted_under_another_id_and_amount_is_not_guessed_to_be_it(
    account: Account,
) -> None:
    banks_list(account, bought("t-1", status="pending"))
    bank_tells(account, receipt_record(external_id="r-1", transaction_external_id="t-1"))

    banks_list(account, bought("t-9", amount_minor=-1620))

    assert payments_of(account) == {"r-1": ("t-1", -1420)}
    with serving(account.bank_id):
        assert Entry.objects.get(external_id="t-1").status == "removed"


@pytest.mark.django_db
def test_a_receipt_that_names_another_payment_anew_goes_with_it(account: Account) -> None:
    banks_list(account, bought("t-1", status="pending"))
    first = receipt_record(external_id="r-1", transaction_external_id="t-1")
    bank_tells(account, first)
    banks_list(account, bought("t-9", amount_minor=-1620))

    bank_tells(account, replace(first, transaction_external_id="t-9", revision=2))

    assert payments_of(account) == {"r-1": ("t-9", -1620)}


@pytest.mark.django_db
def test_an_id_that_means_two_payments_names_none(account: Account) -> None:
    mine = make_entry(account, external_id="t-1")
    make_entry(account, external_id="t-1", source="live:berlin_group")
    of_a_file = make_entry(account, external_id="t-2", source="statement:ofx")
    both = make_entry(account, external_id="t-3")
    with serving(account.bank_id):
        EntryAlias.objects.create(
            account=account, entry=both, external_id="t-3", source="live:berlin_group"
        )
        EntryAlias.objects.create(account=account, entry=mine, external_id="t-4")
        EntryAlias.objects.create(account=account, entry=of_a_file, external_id="t-5")

        named = entries_named(account.id, ["t-1", "t-2", "t-3", "t-4", "t-5", "t-6"])

    assert named == {"t-3": both.id, "t-4": mine.id, "t-5": of_a_file.id}
