"""References of statements in the database: kept, counted in each file, or made up each time; what is in doubt is shown."""

from collections.abc import Sequence
from datetime import UTC, date, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from partners.connectors.base import TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.deciding import decide_pair
from partners.ledger.merging import Merged
from partners.ledger.models import Account, Entry, EntryPair
from portal.tenancy.blocks import serving
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db

AT = datetime(2026, 4, 1, 12, tzinfo=UTC)
FIRST, NEXT = date(2026, 3, 2), date(2026, 3, 3)
OFX, UK = "statement:ofx", "live:uk_open_banking"


@pytest.fixture
def account() -> Account:
    return make_account(make_bank(currency="GBP"))


def row(
    reference: str, shop: str = "Forno Lume", *, on: date = FIRST, name: str | None = None
) -> TransactionRecord:
    return TransactionRecord(
        external_id=name,
        status="posted",
        amount_minor=-500,
        currency="GBP",
        booked_on=on,
        booked_on_source="date",
        merchant_name=shop,
        references=(reference,) if reference else (),
    )


def merge(account: Account, *rows: TransactionRecord, source: str = OFX) -> Merged:
    with serving(account.bank_id):
        return merge_entries(
            held_account(account.id),
            source=source,
            records=rows,
            window_from=None,
            remove_missing=False,
            at=AT,
        )


def shown(account: Account) -> list[str]:
    with serving(account.bank_id):
        live = Entry.objects.filter(account_id=account.id).exclude(status="removed")
        return sorted(live.values_list("merchant_name", flat=True))


def pairs(account: Account) -> list[EntryPair]:
    with serving(account.bank_id):
        return list(EntryPair.objects.filter(account_id=account.id))


def renumbers(account: Account) -> Sequence[str]:
    with serving(account.bank_id):
        return Account.objects.get(pk=account.pk).renumbers


def test_a_kept_reference_tells_an_equal_apart_that_only_the_second_file_has(
    account: Account,
) -> None:
    merge(account, row("A"), row("B", "Bar Sport"))

    merge(account, row("B", "Bar Sport"), row("C"))
    again = merge(account, row("A"), row("B", "Bar Sport"), row("C"))

    assert shown(account) == ["Bar Sport", "Forno Lume", "Forno Lume"]
    assert (again.changes, renumbers(account)) == (0, [])


@pytest.mark.parametrize("told", [("3", "4", "5"), ("x", "y", "z")])
def test_references_that_are_given_anew_make_no_payment_two(
    account: Account, told: tuple[str, str, str]
) -> None:
    shops = ("Forno Lume", "Bar Sport", "Forno Lume")
    merge(account, *map(row, ("1", "2", "3"), shops))

    anew = merge(account, *map(row, told, shops), row("9", "Lidia"))
    again = merge(account, *map(row, told, shops), row("9", "Lidia"))

    assert shown(account) == ["Bar Sport", "Forno Lume", "Forno Lume", "Lidia"]
    assert (anew.changes, again.changes) == (1, 0)
    assert renumbers(account) == [OFX]


def test_one_number_that_stands_at_another_payment_is_enough(account: Account) -> None:
    merge(account, row("1", "Bar Sport"), row("2", on=NEXT))

    told = merge(account, row("1", on=NEXT))

    assert (told.changes, renumbers(account)) == (0, [OFX])


def test_what_cannot_be_said_is_kept_as_two_until_staff_decide(account: Account) -> None:
    merge(account, row("x"))
    merge(account, row("y"))
    (pair,) = pairs(account)

    with serving(account.bank_id):
        decide_pair(pair.id, same=True, by="staff:one", at=AT)
    later = merge(account, row("z"))

    assert pair.reason == "names"
    assert shown(account) == ["Forno Lume"]
    assert (later.changes, renumbers(account)) == (0, [OFX])


def test_staff_say_it_of_the_files_where_an_interface_shows_the_payment(account: Account) -> None:
    merge(account, row("", name="u1"), source=UK)
    merge(account, row("x"))
    merge(account, row("y"))
    (pair,) = pairs(account)

    with serving(account.bank_id):
        shows = Entry.objects.get(pk=pair.first_id).source
        decide_pair(pair.id, same=True, by="staff:one", at=AT)
    later = merge(account, row("z"))

    assert (pair.reason, shows) == ("names", UK)
    assert (later.changes, renumbers(account)) == (0, [OFX])
    assert [each.state for each in pairs(account)] == ["same"]
    assert shown(account) == ["Forno Lume"]


def test_what_was_in_doubt_is_one_once_references_are_seen_to_be_given_anew(
    account: Account,
) -> None:
    merge(account, row("x"))
    merge(account, row("y"))
    merge(account, row("a", "Bar Sport", on=NEXT), row("b", "Lidia", on=NEXT))

    settled = merge(account, row("c", "Bar Sport", on=NEXT), row("d", "Lidia", on=NEXT))

    assert shown(account) == ["Bar Sport", "Forno Lume", "Lidia"]
    assert (settled.removed, len(settled.gone), pairs(account)) == (1, 1, [])


def test_two_that_one_file_tells_are_not_made_one(account: Account) -> None:
    merge(account, row("x"))
    merge(account, row("y"))

    merge(account, row("1"), row("2"), row("3", "Lidia"))
    merge(account, row("4"), row("5"), row("6", "Lidia"))

    assert shown(account) == ["Forno Lume", "Forno Lume", "Lidia"]
    assert pairs(account) == []


def test_where_an_interface_shows_the_payments_a_file_under_other_references_adds_none(
    account: Account,
) -> None:
    merge(account, row("", name="u1"), row("", "Bar Sport", name="u2"), source=UK)
    merge(account, row("x"), row("y", "Bar Sport"))

    anew = merge(account, row("v"), row("w", "Bar Sport"))

    assert (anew.changes, pairs(account), renumbers(account)) == (0, [], [OFX])
    assert shown(account) == ["Bar Sport", "Forno Lume"]


def test_a_known_file_is_not_compared_whoever_shows_its_payments(account: Account) -> None:
    merge(account, row("", name="u1"), row("", "Bar Sport", name="u2"), source=UK)
    told = row("x"), row("y", "Bar Sport"), row("z", "Lidia")
    merge(account, *told)

    with CaptureQueriesContext(connection) as known:
        again = merge(account, *told)
    with CaptureQueriesContext(connection) as other:
        merge(account, *told, row("v"))

    assert (again.changes, _compared(known), _compared(other)) == (0, 0, 1)


def _compared(asked: CaptureQueriesContext) -> int:
    """How often was asked what the source tells otherwise of some days."""
    return sum("e.booked_on BETWEEN" in each["sql"] for each in asked.captured_queries)


def test_a_doubt_of_what_an_interface_shows_is_a_pair_and_one_in_the_end(account: Account) -> None:
    merge(account, row("", name="u1"), source=UK)
    merge(account, row("x"))
    merge(account, row("a"))
    (pair,) = pairs(account)

    merge(account, row("y", "Bar Sport", on=NEXT), row("z", "Lidia", on=NEXT))
    merge(account, row("v", "Bar Sport", on=NEXT), row("w", "Lidia", on=NEXT))

    assert pair.reason == "names"
    assert shown(account) == ["Bar Sport", "Forno Lume", "Lidia"]
    assert pairs(account) == []


def test_a_number_of_a_payment_that_an_interface_shows_stands_there_too(account: Account) -> None:
    merge(
        account,
        *(row("", on=on, name=f"u{on.day}{n}") for on in (FIRST, NEXT) for n in "12"),
        source=UK,
    )
    merge(account, row("1"), row("2"), row("3", on=NEXT), row("4", on=NEXT))

    told = merge(account, row("1", on=NEXT))

    assert (told.changes, pairs(account), renumbers(account)) == (0, [], [OFX])
    assert len(shown(account)) == 4
