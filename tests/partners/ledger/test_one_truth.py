"""Several sources of one account, merged by the database: one row a payment, under one id for good."""

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from itertools import permutations

import pytest
from pytest_django.fixtures import DjangoAssertNumQueries

from partners.connectors.base import TransactionRecord
from partners.ledger.actions import held_account, merge_entries
from partners.ledger.by_id import remove_entries, rename_pending
from partners.ledger.deciding import decide_pair
from partners.ledger.merging import Merged
from partners.ledger.models import Account, Entry, EntryAlias, EntryConflict, EntryPair
from partners.ledger.rules import EntryRow
from portal.tenancy.blocks import serving
from tests.factories.partners import make_account, make_bank
from tests.partners.ledger.history import FIRST, SHOPS, SOURCES, Payment

pytestmark = pytest.mark.django_db

AT = datetime(2026, 4, 1, 12, tzinfo=UTC)
UK, BERLIN, CURSOR, CAMT, OFX = (
    "live:uk_open_banking",
    "live:berlin_group",
    "live:cursor_sync",
    "statement:camt.053",
    "statement:ofx",
)
ORDERS = 12
DAYS = 6
COLUMNS = EntryRow._fields


@pytest.fixture
def account() -> Account:
    return make_account(make_bank(currency="GBP"))


def merge(
    account: Account,
    source: str,
    *records: TransactionRecord,
    window_from: date | None = None,
) -> Merged:
    with serving(account.bank_id):
        return merge_entries(
            held_account(account.id),
            source=source,
            records=records,
            window_from=window_from,
            remove_missing=window_from is not None,
            at=AT,
        )


def shown(account: Account) -> Counter[tuple[object, ...]]:
    """What stands in the account, column by column."""
    with serving(account.bank_id):
        listed = Entry.objects.filter(account_id=account.id).exclude(status="removed")
        return Counter(listed.values_list(*COLUMNS))


def ids(account: Account) -> dict[str, object]:
    with serving(account.bank_id):
        return dict(Entry.objects.exclude(status="removed").values_list("external_id", "id"))


def shown_rows(account: Account) -> list[tuple[str, str, str]]:
    with serving(account.bank_id):
        listed = Entry.objects.filter(account_id=account.id).exclude(status="removed")
        return list(listed.values_list("source", "status", "merchant_name"))


def record(external_id: str | None = None, **changes: object) -> TransactionRecord:
    base = TransactionRecord(
        external_id=external_id,
        status="posted",
        amount_minor=-1250,
        currency="GBP",
        booked_on=FIRST,
        booked_on_source="date",
        merchant_name="Forno Lume",
    )
    return replace(base, **changes)  # type: ignore[arg-type]


def history() -> list[Payment]:
    draw = random.Random(7)  # noqa: S311  # invented payments
    return [
        Payment(number, draw.randrange(DAYS), draw.choice([-500, -1250, 800]), draw.choice(SHOPS))
        for number in range(1, 31)
    ]


def pieces(payments: Sequence[Payment]) -> list[tuple[str, list[TransactionRecord]]]:
    spans = [(0, 3), (2, 5), (4, DAYS)]
    return [
        (source, read([each for each in payments if first <= each.day < last]))
        for source, read in SOURCES.items()
        for first, last in spans
    ]


def test_a_history_from_six_sources_in_any_order_is_one_set_of_rows() -> None:
    bank = make_bank(currency="GBP")
    payments = history()
    parts = pieces(payments)
    draw = random.Random(11)  # noqa: S311  # an order
    wanted = make_account(bank)
    merge(wanted, UK, *SOURCES[UK](payments))

    for _order in range(ORDERS):
        account = make_account(bank)
        for source, records in [*draw.sample(parts, len(parts)), *draw.sample(parts, 4)]:
            merge(account, source, *records)

        assert shown(account) == shown(wanted)
        with serving(bank.id):
            mine = Entry.objects.filter(account_id=account.id)
            assert sorted(mine.values_list("change_seq", flat=True)) == sorted(
                set(mine.values_list("change_seq", flat=True))
            )
            head = Account.objects.get(pk=account.pk).change_seq
            assert max(mine.values_list("change_seq", flat=True)) == head


def test_what_is_known_from_another_source_changes_nothing_and_is_new_to_nobody(
    account: Account,
) -> None:
    merge(account, UK, record("u1"))
    before = ids(account)

    first = merge(account, OFX, record(references=("20260302",)))
    again = merge(account, OFX, record(references=("20260302",)))

    assert (first.changes, again.changes) == (0, 0)
    assert ids(account) == before
    with serving(account.bank_id):
        assert EntryAlias.objects.count() == 1


def test_an_interface_takes_over_what_a_statement_told_first_under_the_same_id(
    account: Account,
) -> None:
    merge(account, OFX, record(description="old words"))
    (before,) = ids(account).values()

    merged = merge(account, UK, record("u1", merchant_name="FORNO LUME MILANO"))

    assert ids(account) == {"u1": before}
    assert (len(merged.added), len(merged.modified)) == (0, 1)


def test_an_amount_and_a_day_alone_make_nothing_one_and_staff_are_asked(account: Account) -> None:
    merge(account, UK, record("u1"))

    merge(account, OFX, record(merchant_name="Bar Sport"), record(merchant_name=None))

    assert len(ids(account)) == 3
    with serving(account.bank_id):
        pairs = list(EntryPair.objects.values_list("reason", "state"))
    assert pairs == [("words", "open"), ("words", "open")]


def test_a_third_source_that_knows_both_brings_two_entries_together(account: Account) -> None:
    merge(account, UK, record("reference-1"))
    merge(account, OFX, record(merchant_name="Lume srl"))
    older = ids(account)["reference-1"]

    merged = merge(
        account, CAMT, record(merchant_name="Lume srl Firenze", references=("reference-1",))
    )

    assert ids(account) == {"reference-1": older}
    assert (merged.removed, list(merged.gone.values())) == (1, [older])
    with serving(account.bank_id):
        assert EntryPair.objects.count() == 0
        tombstone = Entry.objects.get(status="removed")
        assert (tombstone.merged_into, EntryAlias.objects.count()) == (older, 2)


def test_an_id_means_something_within_its_source_alone(account: Account) -> None:
    merge(account, UK, record("1"))

    merged = merge(account, BERLIN, record("1", amount_minor=-990, merchant_name="Bar Sport"))

    assert (len(merged.added), merged.conflicts) == (1, 0)
    assert len(shown(account)) == 2


def test_another_interface_may_post_what_was_pending(account: Account) -> None:
    merge(account, UK, record("u1", status="pending"))
    (before,) = ids(account).values()

    merge(account, BERLIN, record("b1"))
    late = merge(account, UK, record("u1", status="pending"))
    merge(account, BERLIN, record("b1", description="now with words"))

    assert ids(account) == {"b1": before}
    assert late.changes == 0


def test_what_another_interface_tells_as_pending_stays_with_its_entry_when_it_posts(
    account: Account,
) -> None:
    merge(account, UK, record("u1", status="pending"))
    merge(account, BERLIN, record("b1", status="pending"))
    (before,) = ids(account).values()

    merge(account, BERLIN, record("b1", amount_minor=-1400, booked_on=FIRST + timedelta(days=1)))
    merge(account, UK, record("u1", status="pending"))

    assert ids(account) == {"b1": before}


def test_a_whole_window_of_another_interface_removes_what_it_does_not_list(
    account: Account,
) -> None:
    merge(account, UK, record("u1", status="pending"), record("u2", status="pending"))
    told = record("b1", status="pending")

    merged = merge(account, BERLIN, told, window_from=FIRST)
    again = merge(account, BERLIN, told, window_from=FIRST)

    assert (merged.removed, again.removed) == (1, 0)
    assert len(ids(account)) == 1


def test_a_statement_row_of_another_day_is_kept_and_staff_are_asked(account: Account) -> None:
    merge(account, UK, record("u1"))

    merge(account, CAMT, record(booked_on=FIRST + timedelta(days=2)))
    merge(account, CAMT, record(booked_on=FIRST + timedelta(days=9)))

    assert len(ids(account)) == 3
    with serving(account.bank_id):
        assert list(EntryPair.objects.values_list("reason", flat=True)) == ["day"]


def test_a_tip_under_a_new_id_is_kept_apart_and_staff_are_asked(account: Account) -> None:
    merge(account, UK, record("u1", status="pending"), window_from=FIRST)

    merge(account, UK, record("u2", amount_minor=-1400), window_from=FIRST)

    assert list(ids(account)) == ["u2"]
    with serving(account.bank_id):
        (pair,) = EntryPair.objects.select_related("first", "second")
        assert (pair.reason, pair.first.external_id, pair.second.external_id) == (
            "amount",
            "u1",
            "u2",
        )


def remove(account: Account, source: str, *external_ids: str) -> Merged:
    with serving(account.bank_id):
        return remove_entries(
            held_account(account.id), source=source, external_ids=external_ids, at=AT
        )


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_what_an_interface_takes_back_and_a_statement_books_is_shown_as_the_statement_tells_it(
    account: Account, order: tuple[int, ...]
) -> None:
    """Of two equals, one of which is taken back: before the statement, after it, or never to be told again."""
    merge(account, CURSOR, record("c1"), record("c2"))
    before = set(ids(account).values())
    steps: list[Callable[[], Merged]] = [
        lambda: remove(account, CURSOR, "c1"),
        lambda: merge(account, OFX, record()),
        lambda: remove(account, CURSOR, "c2"),
    ]

    done = [steps[each]() for each in order]

    assert [each[:2] for each in shown_rows(account)] == [(OFX, "posted")]
    assert set(ids(account).values()) < before
    with serving(account.bank_id):
        (removed,) = Entry.objects.filter(status="removed")
        head = Account.objects.get(pk=account.pk).change_seq
        assert head == done[-1].through_seq == 2 + sum(each.changes for each in done)
    assert removed.removed_for == "told"
    again = merge(account, CURSOR, record("c1"), record("c2"))
    assert (again.changes, len(ids(account))) == (2, 2)


def test_where_nothing_is_taken_back_nothing_is_asked(
    account: Account, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    merge(account, CURSOR, record("c1"))
    merge(account, OFX, record())

    with serving(account.bank_id):
        held = held_account(account.id)
        with django_assert_num_queries(0):
            rename_pending(held, source=CURSOR, posted={})
            done = remove_entries(held, source=CURSOR, external_ids=[], at=AT)

    assert done == Merged(through_seq=held.change_seq)


def test_what_an_interface_takes_back_is_gone_once_no_other_tells_it(account: Account) -> None:
    merge(account, UK, record("u1"))
    merge(account, CURSOR, record("c1"))

    hidden = remove(account, CURSOR, "c1")
    gone = remove(account, UK, "u1")

    assert (hidden.changes, gone.removed, ids(account)) == (0, 1, {})


def test_what_staff_made_one_stays_as_the_other_source_tells_it(account: Account) -> None:
    merge(account, CURSOR, record("c1"))
    merge(account, OFX, record(merchant_name="Lume srl"))
    with serving(account.bank_id):
        decide_pair(EntryPair.objects.get().id, same=True, by="staff:1", at=AT)
    (before,) = ids(account).values()

    merged = remove(account, CURSOR, "c1")
    remove(account, CURSOR, "c1")

    assert list(ids(account).values()) == [before]
    assert shown_rows(account) == [(OFX, "posted", "Lume srl")]
    assert (len(merged.modified), merged.removed) == (1, 0)


def test_what_is_pending_in_a_statement_waits_until_it_is_booked(account: Account) -> None:
    assert merge(account, CAMT, record(status="pending")).changes == 0


def test_a_conflict_is_kept_with_both_versions_whole(account: Account) -> None:
    merge(account, UK, record("u1", description="two coffees"))

    merge(account, UK, record("u1", amount_minor=-9900, description="two hundred coffees"))

    with serving(account.bank_id):
        conflict = EntryConflict.objects.get()
    assert (conflict.stored["amount_minor"], conflict.stored["description"]) == (
        -1250,
        "two coffees",
    )
    assert (conflict.said["amount_minor"], conflict.said["description"]) == (
        -9900,
        "two hundred coffees",
    )
