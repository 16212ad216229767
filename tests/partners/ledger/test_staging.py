"""Looking up and writing while the next rows are decided: what goes wrong is heard of, and nothing of it stays."""

from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from django.db import ProgrammingError, connection, transaction

from partners.banks.models import Bank
from partners.ledger.models import Entry
from partners.ledger.rules import EntryRow, Known, digest_of, fingerprints
from partners.ledger.staging import ChangedRow, Place, Writing, looked_up, named
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


def test_what_rows_have_in_common_is_stored_with_each() -> None:
    """Whether all of a part say it, or one of them does not; nothing at all too."""
    bank = make_bank()
    account = make_account(bank)
    parts = [
        [changed(account.id, 1, kind="fee"), changed(account.id, 2, kind="fee")],
        [changed(account.id, 3, kind="fee"), changed(account.id, 4, kind="transfer")],
        [changed(account.id, 5, value_on=date(2026, 11, 21)), changed(account.id, 6)],
        [changed(account.id, 7, value_on=date(2026, 11, 21), fraud_suspected=True)],
    ]

    with (
        serving(bank.id),
        Writing(Place(bank.id, account.id, SOURCE), at=AT, has_aliases=False) as writing,
    ):
        for part in parts:
            writing.send(part)

    with serving(bank.id):
        kept = named(Place(bank.id, account.id, SOURCE), [f"t{number}" for number in range(1, 8)])
        assert {name: each.row for name, each in kept.items()} == {
            each.row.external_id: each.row for part in parts for each in part
        }


def found(place: Place, *external_ids: str) -> dict[str, str | None]:
    with serving(place.bank_id), looked_up(place, external_ids) as answer:
        return answer()


def test_looked_up_is_what_the_entries_of_these_ids_say() -> None:
    bank = make_bank()
    mine, other = make_account(bank), make_account(bank)
    names = ("t1", 'a "b"', "c\\d", "{e,f}", "NULL")
    rows = [changed(mine.id, place, external_id=name) for place, name in enumerate(names, 1)]
    place = Place(bank.id, mine.id, SOURCE)
    with serving(bank.id), Writing(place, at=AT, has_aliases=False) as writing:
        writing.send(rows)
    with serving(bank.id):
        Entry.objects.filter(external_id="t1").update(status="removed")

    said = {each.row.external_id: each.digest for each in rows} | {"t1": None}
    assert found(place, *names, "unknown", "") == said
    assert found(Place(bank.id, other.id, SOURCE), *names) == {}
    assert found(Place(bank.id, mine.id, "live:another"), *names) == {}
    assert found(place) == {}


def test_an_account_is_not_read_to_look_up_a_few_ids() -> None:
    """Whatever the planner thinks of the table: how many rows it fetched is what the database counts."""
    bank = make_bank()
    account = make_account(bank)
    place = Place(bank.id, account.id, SOURCE)
    with serving(bank.id), Writing(place, at=AT, has_aliases=False) as writing:
        writing.send([changed(account.id, number) for number in range(500)])

    with serving(bank.id):
        before = _fetched()
        with looked_up(place, ["t7", "t70", "t300", "unknown"]) as answer:
            assert len(answer()) == 3
        assert _fetched() - before == 3
        # Nothing else in the transaction is planned so.
        assert _fetched_one("SHOW enable_sort") == "on"


def _fetched() -> int:
    return int(
        _fetched_one(
            "SELECT idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'partners_entry'"
        )
    )


def _fetched_one(statement: str) -> Any:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchone()[0]


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
