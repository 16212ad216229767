"""Writing while the next rows are decided: what goes wrong with a part is heard of, and nothing of it stays."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import DatabaseError, ProgrammingError, transaction

from partners.banks.models import Bank
from partners.ledger.models import Entry
from partners.ledger.rules import EntryRow, Known, digest_of, fingerprints
from partners.ledger.staging import ChangedRow, Place, Writing, named
from portal.tenancy.blocks import serving
from portal.tenancy.ids import new_id
from tests.factories.partners import make_account, make_bank

pytestmark = pytest.mark.django_db

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
SOURCE = "live:uk_open_banking"


def changed(account_id: UUID, number: int, **said: Any) -> ChangedRow:
    told = dict.fromkeys(EntryRow._fields, "") | {
        "source": SOURCE,
        "external_id": f"t{number}",
        "status": "posted",
        "amount_minor": -number,
        "currency": "EUR",
        "original_amount_minor": None,
        "booked_on": date(2026, 11, 20),
        "booked_at": None,
        "value_on": None,
        "fraud_suspected": False,
    }
    row = EntryRow(**(told | said))
    digest, fingerprint = digest_of(row), fingerprints(account_id)(row)
    return ChangedRow(
        is_new=True,
        id=new_id(),
        occurrence=1,
        change_seq=number,
        digest=digest,
        fingerprint=fingerprint,
        row=row,
    )


def stored(bank: Bank) -> int:
    with serving(bank.id):
        return Entry.objects.count()


def test_parts_are_all_written() -> None:
    bank = make_bank()
    account = make_account(bank)
    place = Place(bank.id, account.id, SOURCE)

    with serving(bank.id), Writing(place, at=AT, has_aliases=False) as writing:
        writing.send([changed(account.id, number) for number in (1, 2)])
        writing.send([])
        writing.send([changed(account.id, 3)])

    assert stored(bank) == 3


@pytest.mark.parametrize(
    "text",
    ['"', '""', "a,b", "\n\\.\n", "\\.", "\\N", "NULL", " \t ", "\r\n", "\\", "'", "Čaj ☕ שלום"],
)
def test_whatever_a_text_holds_is_stored_as_it_is(text: str) -> None:
    bank = make_bank()
    account = make_account(bank)
    rows = [
        changed(account.id, 1, description=text, merchant_name=text),
        changed(account.id, 2, description=f"{text}{text}"),
    ]

    with (
        serving(bank.id),
        Writing(Place(bank.id, account.id, SOURCE), at=AT, has_aliases=False) as writing,
    ):
        writing.send(rows)

    with serving(bank.id):
        assert set(named(Place(bank.id, account.id, SOURCE), ["t1", "t2"]).values()) == {
            Known(each.id, 1, each.fingerprint, each.row) for each in rows
        }


@pytest.mark.parametrize("parts_after", [0, 1])
def test_a_part_that_cannot_be_written_is_heard_of_and_nothing_stays(parts_after: int) -> None:
    bank, other = make_bank(), make_bank()
    mine, theirs = make_account(bank), make_account(other)

    with (
        pytest.raises(ProgrammingError, match="row-level security"),
        serving(bank.id),
        transaction.atomic(),
        Writing(Place(other.id, theirs.id, SOURCE), at=AT, has_aliases=False) as writing,
    ):
        writing.send([changed(mine.id, 1)])
        for number in range(parts_after):
            writing.send([changed(mine.id, 2 + number)])

    assert (stored(bank), stored(other)) == (0, 0)


def test_a_failure_without_a_name_is_heard_of_too() -> None:
    """As of a server that went away, or with a code of its own: nothing of ours raises one."""
    bank = make_bank()
    account = make_account(bank)

    with (
        pytest.raises(DatabaseError, match="went away"),
        serving(bank.id),
        transaction.atomic(),
        Writing(Place(bank.id, account.id, SOURCE), at=AT, has_aliases=False) as writing,
    ):
        writing._start("DO $$ BEGIN RAISE 'went away' USING ERRCODE = 'ZZ999'; END $$")
        writing.send([changed(account.id, 1)])

    assert stored(bank) == 0


def test_what_fails_meanwhile_is_what_is_heard_of() -> None:
    bank = make_bank()
    account = make_account(bank)

    with (
        pytest.raises(RuntimeError, match="while the database works"),
        serving(bank.id),
        transaction.atomic(),
        Writing(Place(bank.id, account.id, SOURCE), at=AT, has_aliases=False) as writing,
    ):
        writing.send([changed(account.id, 1)])
        raise RuntimeError("while the database works")

    assert stored(bank) == 0
