"""Reading a bank that tells changes alone: what comes, is booked, goes, and moves while it is paged."""

from typing import Any
from uuid import UUID

import pytest
from django.db.models import Value
from django.db.models.functions import Concat
from django.utils import timezone

from partners.banks.models import Bank
from partners.feeds.models import FeedCursor
from partners.ledger.actions import held_account
from partners.ledger.by_id import remove_entries
from partners.ledger.models import Account, Entry, EntryAlias
from partners.sync.models import SyncRun
from partners.sync.rules import OVERLAP
from portal.tenancy.blocks import serving
from tests.partners.sync.reading import read_again, read_first
from tests.sandbox_bank import SandboxBank

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


@pytest.fixture
def bank(sandbox: SandboxBank, person: dict[str, Any]) -> Bank:
    """A bank by cursor sync, one customer of which has been read for the first time."""
    return read_first(sandbox, person, connector="cursor_sync")


def entry(bank: Bank, bought: dict[str, Any]) -> Entry:
    with serving(bank.id):
        return Entry.objects.get(external_id=bought["TransactionId"])


def place(bank: Bank, stored: Entry) -> FeedCursor:
    with serving(bank.id):
        return FeedCursor.objects.get(account_id=stored.account_id)


def numbers(bank: Bank, account_id: object) -> tuple[list[int], int]:
    """The counts of an account's changes that entries hold, and the account's own."""
    with serving(bank.id):
        held = Entry.objects.filter(account_id=account_id).values_list("change_seq", flat=True)
        return sorted(held), Account.objects.get(pk=account_id).change_seq


def test_a_payment_that_lapses_is_kept_as_removed_with_its_place(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    bought = sandbox.buy(person["login"])
    read_again(bank)
    stored = entry(bank, bought)
    before = place(bank, stored)

    sandbox.do(
        "POST",
        "lapse",
        account_id=bought["AccountId"],
        transaction_id=bought["TransactionId"],
    )
    read_again(bank)
    read_again(bank)

    after, moved = entry(bank, bought), place(bank, stored)
    held, counted = numbers(bank, stored.account_id)
    assert (stored.status, after.status, after.id) == ("pending", "removed", stored.id)
    assert after.change_seq == counted == held[-1]
    assert moved.cursor not in {"", before.cursor}
    assert (moved.last_problem, moved.run_id) == ("", None)
    with serving(bank.id):
        assert sum(SyncRun.objects.values_list("removed", flat=True)) == 1


def test_pending_to_posted_is_one_rows_change_whatever_the_amount_became(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    """By the bank's own word, where no fingerprint could tell."""
    bought = sandbox.buy(person["login"])
    read_again(bank)
    stored = entry(bank, bought)
    with serving(bank.id):
        total = Entry.objects.count()
        Entry.objects.filter(pk=stored.pk).update(
            amount_minor=stored.amount_minor - 500, fingerprint=UUID(int=0)
        )

    sandbox.be(renumber=True)
    sandbox.do("POST", "book")
    read_again(bank)

    with serving(bank.id):
        after = Entry.objects.get(pk=stored.pk)
        known_as = EntryAlias.objects.filter(entry=after).values_list("external_id", flat=True)
        assert list(known_as) == [bought["TransactionId"]]
        assert Entry.objects.count() == total
        assert not Entry.objects.filter(status="removed").exists()
    assert (after.status, after.amount_minor) == ("posted", stored.amount_minor)


def test_what_the_bank_took_back_and_posts_in_a_later_round_is_one_entry(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    bought = sandbox.buy(person["login"])
    read_again(bank)
    stored = entry(bank, bought)
    with serving(bank.id):
        total = Entry.objects.count()
        account = held_account(stored.account_id)
        gone = [bought["TransactionId"]]
        remove_entries(account, source=stored.source, external_ids=gone, at=timezone.now())

    sandbox.be(renumber=True)
    sandbox.do("POST", "book")
    read_again(bank)

    with serving(bank.id):
        assert Entry.objects.get(pk=stored.pk).status == "posted"
        assert Entry.objects.count() == total


def test_a_round_that_moves_is_read_again_from_where_it_began_and_nothing_of_it_is_kept(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    for _ in range(7):
        bought = sandbox.buy(person["login"])
    with serving(bank.id):
        account_id = Account.objects.get(external_id=bought["AccountId"]).id
        FeedCursor.objects.exclude(account_id=account_id).delete()
        total = Entry.objects.filter(account_id=account_id).count()
        before = FeedCursor.objects.get().cursor

    sandbox.be(mutate=1.0)
    read_again(bank)

    with serving(bank.id):
        cursor = FeedCursor.objects.get()
        kept = Entry.objects.filter(account_id=account_id).count()
        FeedCursor.objects.update(lease_until=None)
    assert (cursor.last_problem, cursor.cursor, kept) == ("unavailable", before, total)

    sandbox.be(mutate=0.3)
    for _ in range(20):
        read_again(bank)

    with serving(bank.id):
        assert Entry.objects.filter(account_id=account_id).count() == total + 7
        assert FeedCursor.objects.get().last_problem == ""


def test_a_place_that_is_no_more_is_forgotten_and_all_of_the_window_read_again(
    sandbox: SandboxBank, bank: Bank, person: dict[str, Any]
) -> None:
    bought = sandbox.buy(person["login"])
    read_again(bank)
    stored = entry(bank, bought)
    sandbox.do(
        "POST",
        "lapse",
        account_id=bought["AccountId"],
        transaction_id=bought["TransactionId"],
    )
    with serving(bank.id):
        total = Entry.objects.count()
        FeedCursor.objects.filter(account_id=stored.account_id).update(cursor="of-another-bank")
        # Linked anew, the bank has new ids for all that there is, whenever it was.
        posted = Entry.objects.filter(account_id=stored.account_id, status="posted")
        oldest = posted.earliest("booked_on").booked_on
        posted.update(external_id=Concat(Value("before-"), "external_id"))

    read_again(bank)
    read_again(bank)

    with serving(bank.id):
        assert (
            oldest < FeedCursor.objects.get(account_id=stored.account_id).covered_until - OVERLAP
        )
        assert Entry.objects.count() == total
        assert not Entry.objects.filter(external_id__startswith="before-").exists()
        assert Entry.objects.get(pk=stored.pk).status == "removed"
        assert set(FeedCursor.objects.values_list("last_problem", flat=True)) == {""}
