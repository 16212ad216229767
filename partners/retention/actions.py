"""Letting go of what nobody's consent keeps, some rows at a time, with a record of it in the same commit."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection

from partners.banks.models import Customer
from partners.feeds.models import FeedCursor
from partners.ledger.models import Account, EntryConflict
from partners.purchases.models import PurchaseConflict
from partners.retention.models import Kept, RetentionRule, RetentionRun
from partners.retention.queries import (
    EVERYTHING,
    SOURCES,
    accounts_after,
    chosen_days,
    customers_of,
    floors_of,
    forgotten_by_account,
    held_accounts,
    named_no_more,
    names_at_bank,
    old_removals,
    old_rows,
    purposes_of,
)
from partners.retention.rules import LIMITS, NAMES, RAW, REMOVALS_KEPT, days_of, said
from partners.sync.models import Notification, SyncRun
from portal.rest.problems import Invalid
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id

# What goes, and what is looked at, in one transaction.
BATCH, PAGE = 2_000, 200

_BEGIN = """
    INSERT INTO partners_retentionrun
        (bank_id, id, kind, "on", rules, started_at, accounts, held, gone)
    SELECT %s, %s, %s, %s, '[]', %s, 0, 0, '{}'
    ON CONFLICT (bank_id, kind, "on") DO NOTHING
"""
# What hangs on a payment, in the order in which it can go; lines and stops go with what they are of.
_WITH_ENTRIES: tuple[tuple[str, str], ...] = (
    (
        "instruction",
        "DELETE FROM partners_instruction i USING partners_alert l WHERE i.bank_id = %(bank)s"
        " AND l.bank_id = i.bank_id AND l.id = i.alert_id AND l.entry_id = ANY(%(ids)s)",
    ),
    *(
        (name, f"DELETE FROM {table} WHERE bank_id = %(bank)s AND entry_id = ANY(%(ids)s)")  # noqa: S608
        for name, table in (
            ("alert", "partners_alert"),
            ("receipt", "partners_receipt"),
            ("shipment", "partners_shipment"),
            ("entry_conflict", "partners_entryconflict"),
            ("entry_alias", "partners_entryalias"),
        )
    ),
    (
        "entry_pair",
        "DELETE FROM partners_entrypair WHERE bank_id = %(bank)s"
        " AND (first_id = ANY(%(ids)s) OR second_id = ANY(%(ids)s))",
    ),
)


def choose_days(*, kind: str, purpose: str, days: int, by: str, at: datetime) -> None:
    """How long the bank wants that kind kept for that purpose after the last consent. Raises Invalid."""
    limits = LIMITS.get(kind)
    if limits is None or purpose not in purposes_of(kind):
        raise Invalid("There is no such thing to keep.")
    if not limits.least <= days <= limits.most:
        raise Invalid(f"{limits.least} to {limits.most} days.")
    if days == days_of(chosen_days(), kind, purpose):
        return
    RetentionRule.objects.update_or_create(
        kind=kind, purpose=purpose, defaults={"days": days, "changed_by": by, "changed_at": at}
    )


def age_batch(kind: str, *, at: datetime) -> bool:
    """Let go of some of what is over today, in the bank's block; whether there may be more.

    A run is one a day, its row is locked while a batch goes, and its counts are of the same commit: it may be
    begun twice, broken off anywhere, and goes on where it stood.
    """
    run = _todays(kind, at)
    if run is None:
        return False
    gone = _AGE.get(kind, _age_accounts)(run, at)
    run.gone = dict(Counter(run.gone) + gone)
    run.save()
    return run.finished_at is None


def _todays(kind: str, at: datetime) -> RetentionRun | None:
    """The day's run, locked; None where it is over, or another worker is at it."""
    on = at.astimezone(UTC).date()
    with connection.cursor() as cursor:
        cursor.execute(_BEGIN, [current_bank_id(), new_id(), kind, on, at])
        is_new = cursor.rowcount == 1
    open_ = RetentionRun.objects.filter(kind=kind, on=on, finished_at=None)
    run = open_.select_for_update(no_key=True, skip_locked=True).first()
    if run is not None and is_new:
        run.rules = said(chosen_days(), kind=kind, purposes=purposes_of(kind), on=on)
    return run


def _age_accounts(run: RetentionRun, at: datetime) -> Counter[str]:
    """The next accounts, or the same again where more is left of them than goes at once."""
    page = accounts_after(run.after, limit=PAGE)
    held = held_accounts(page)
    # By the rules as they were when the day's run began.
    chosen = {(run.kind, str(each["purpose"])): int(str(each["days"])) for each in run.rules}
    floors = {
        account: EVERYTHING if floor is None else floor.isoformat()
        for account, floor in floors_of(page, kind=run.kind, chosen=chosen, at=at).items()
        if account not in held
    }
    # Their places first, as whoever stores a page locks them first.
    _forget_places(run.kind, [each for each in floors if floors[each] == EVERYTHING])
    gone: Counter[str] = Counter()
    is_whole = True
    for source in SOURCES[run.kind]:
        found = old_rows(source, floors, limit=BATCH)
        is_whole = is_whole and len(found) < BATCH
        gone += _let_go(source.table, found, _still_open(found))
    if run.kind == Kept.TRANSACTIONS:
        old = old_removals(page, before=at - REMOVALS_KEPT, limit=BATCH)
        is_whole = is_whole and len(old) < BATCH
        gone += _let_go("partners_entry", old, _still_open(old))
    if is_whole:
        run.accounts += len(page)
        run.held += len(held)
        run.after = page[-1] if page else run.after
        run.finished_at = at if len(page) < PAGE else None
    return gone


def _still_open(found: Sequence[tuple[UUID, UUID]]) -> set[UUID]:
    """The accounts among them of which nothing has to be kept: a hold that is placed just now is seen, or waits."""
    accounts = {account for _row, account in found}
    return accounts - _held_now(accounts)


def _held_now(accounts: Collection[UUID]) -> set[UUID]:
    customers = Customer.objects.filter(pk__in=customers_of(accounts)).order_by("id")
    list(customers.select_for_update(no_key=True).values_list("id", flat=True))
    return held_accounts(accounts)


def _let_go(table: str, found: Sequence[tuple[UUID, UUID]], accounts: set[UUID]) -> Counter[str]:
    ids = [row for row, account in found if account in accounts]
    if not ids:
        return Counter()
    gone: Counter[str] = Counter()
    if table == "partners_entry":
        _note_forgotten(ids)
        for name, statement in _WITH_ENTRIES:
            gone[name] += _deleted(statement, ids)
    gone[table.removeprefix("partners_")] += _deleted(
        f"DELETE FROM {table} WHERE bank_id = %(bank)s AND id = ANY(%(ids)s)",  # noqa: S608
        ids,
    )
    return +gone


def _note_forgotten(entry_ids: Sequence[UUID]) -> None:
    """Whoever was told of these entries is told anew, where they cannot be told any more that they are gone.

    An old removal matters to those alone who have not come by since. What else goes gets a number, so that
    all who were told before it are behind.
    """
    going = forgotten_by_account(entry_ids)
    accounts = Account.objects.filter(bank_id=current_bank_id(), id__in=going).order_by("id")
    for account in accounts.select_for_update(no_key=True):
        seq, last_day = going[account.id]
        if last_day is not None:
            account.change_seq += 1
            seq = account.change_seq
        account.forgotten_seq = max(account.forgotten_seq, seq)
        before = date.max if last_day is None else last_day + timedelta(days=1)
        account.forgotten_before = max(account.forgotten_before or before, before)
        account.save(update_fields=["change_seq", "forgotten_seq", "forgotten_before"])


def _deleted(statement: str, ids: Sequence[UUID]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement, {"bank": current_bank_id(), "ids": list(ids)})
        return int(cursor.rowcount)


def _forget_places(kind: str, account_ids: Sequence[UUID]) -> None:
    """Of what went as a whole it is read from the beginning, where somebody allows it again.

    What staff hold back stays so: of that, what is new since the last reading is read.
    """
    read = FeedCursor.objects.filter(kind=kind, account_id__in=account_ids)
    known = read.exclude(covered_until=None, cursor="", covered_from=None, history_place="")
    gone: dict[str, Any] = {"covered_from": None, "cursor": "", "history_place": "", "run": None}
    gone |= {"unreadable": [], "unreadable_rows": 0}
    known.exclude(history="").update(**gone)
    known.filter(history="").update(**gone, covered_until=None)


def _age_raw(run: RetentionRun, at: datetime) -> Counter[str]:
    """Hints, notes of readings, and what we did not believe: none has a consent to itself."""
    (rule,) = run.rules
    before = at - timedelta(days=int(str(rule["days"])))
    held = held_accounts()
    names = names_at_bank(held)
    sources: tuple[tuple[str, Any, Callable[[Any], Any]], ...] = (
        (
            "notification",
            Notification.objects.filter(received_at__lt=before).order_by("received_at"),
            lambda rows: rows.exclude(account_external_ids__has_any_keys=names),
        ),
        (
            "sync_run",
            SyncRun.objects.filter(started_at__lt=before, finished_at__isnull=False).order_by(
                "started_at"
            ),
            lambda rows: rows.exclude(account_id__in=held),
        ),
        (
            "entry_conflict",
            EntryConflict.objects.filter(seen_at__lt=before).order_by("seen_at"),
            lambda rows: rows.exclude(account_id__in=held),
        ),
        (
            "purchase_conflict",
            PurchaseConflict.objects.filter(seen_at__lt=before).order_by("seen_at"),
            lambda rows: rows.exclude(account_id__in=held),
        ),
    )
    gone: Counter[str] = Counter()
    for name, rows, spared in sources:
        open_ = spared(rows) if held else rows
        ids = list(open_.filter(bank_id=current_bank_id()).values_list("id", flat=True)[:BATCH])
        table = rows.model._meta.db_table
        gone[name] += _deleted(
            f"DELETE FROM {table} WHERE bank_id = %(bank)s AND id = ANY(%(ids)s)",  # noqa: S608
            ids,
        )
    run.held = len(held)
    run.finished_at = at if max(gone.values()) < BATCH else None
    return +gone


def _age_names(run: RetentionRun, at: datetime) -> Counter[str]:
    """The next accounts: what they are called goes where nobody is connected with them any more; the rows stay."""
    page = accounts_after(run.after, limit=PAGE)
    (rule,) = run.rules
    before = at - timedelta(days=int(str(rule["days"])))
    found = named_no_more(page, before=before, at=at)
    rows = Account.objects.filter(bank_id=current_bank_id(), id__in=found)
    # Whoever connects them anew locks their rows too, and names them again.
    list(rows.order_by("id").select_for_update(no_key=True).values_list("id", flat=True))
    still = named_no_more(found, before=before, at=at) - _held_now(found)
    n = rows.filter(id__in=still).update(name="", masked_identification="")
    run.accounts += len(page)
    run.held += len(held_accounts(page))
    run.after = page[-1] if page else run.after
    run.finished_at = at if len(page) < PAGE else None
    return +Counter({"account_name": n})


_AGE: Mapping[str, Callable[[RetentionRun, datetime], Counter[str]]] = {
    RAW: _age_raw,
    NAMES: _age_names,
}
KINDS: tuple[str, ...] = (
    Kept.RECEIPTS,
    Kept.SHIPMENTS,
    Kept.BALANCES,
    Kept.TRANSACTIONS,
    Kept.NAMES,
    Kept.RAW,
)
