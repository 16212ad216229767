"""Writing down who was shown what, and who was not."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import connection
from psycopg.types.json import Jsonb

from accounts.disclosure.models import Disclosure
from accounts.disclosure.queries import STAFF
from accounts.disclosure.rules import day_closes, minute_closes
from portal.tenancy.blocks import current_bank_id
from portal.tenancy.ids import new_id
from portal.tenancy.prepared import ask_prepared

# One row for a kind and a while; the rest are counted, until the count is closed. NULLs are equal in this key.
_COUNT = """
    INSERT INTO accounts_disclosurecount
        (bank_id, id, recipient, pseudonym, consent_id, about, door, feed, reason, since, until,
         disclosure_id, count)
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, 1
    ON CONFLICT (bank_id, recipient, pseudonym, consent_id, about, door, feed, reason, since)
    DO UPDATE SET count = accounts_disclosurecount.count + 1
    WHERE accounts_disclosurecount.closed_at IS NULL
    RETURNING count, disclosure_id
"""

# At every release, past the ORM as what the gate asks is.
_KEEP = """
    INSERT INTO accounts_disclosure
        (bank_id, id, at, pseudonym, consent_id, recipient, purpose, door, feed, account_ids,
         row_count, decision, reason, request_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) RETURNING id
"""

_noted: ContextVar[list[UUID] | None] = ContextVar("portal_noted", default=None)


@dataclass(frozen=True)
class Occasion:
    """When, by whom, through which door, under which request, and of whom: never what was read."""

    at: datetime
    recipient: str
    door: str
    feed: str
    purpose: str = ""
    pseudonym: UUID | None = None
    request_id: str = ""


@contextmanager
def noting() -> Iterator[list[UUID]]:
    """The ids of whatever is released within, for a message that leaves under several of them."""
    ids: list[UUID] = []
    token = _noted.set(ids)
    try:
        yield ids
    finally:
        _noted.reset(token)


def record_release(occasion: Occasion, *, rows: Mapping[UUID | None, Mapping[UUID, int]]) -> UUID:
    """Keep a release in the open block; `rows`: consent -> account -> how many rows it gave.

    One row a consent; the id of the first.
    """
    released = [
        _disclosure(
            occasion,
            consent_id=consent_id,
            account_ids=sorted(counts),
            row_count=sum(counts.values()),
            decision=Disclosure.Decision.RELEASED,
        )
        for consent_id, counts in sorted(rows.items(), key=lambda each: str(each[0]))
    ]
    for each in released:
        _keep(each)
    noted = _noted.get()
    if noted is not None:
        noted.extend(each.id for each in released)
    return released[0].id


def record_look(occasion: Occasion, *, consent_id: UUID, account_id: UUID) -> None:
    """Keep in the open block that a reading held nothing new: once a day for each account and feed."""
    seen = _disclosure(
        occasion,
        consent_id=consent_id,
        account_ids=[account_id],
        row_count=0,
        decision=Disclosure.Decision.RELEASED,
    )
    day = occasion.at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    _keep_once(seen, since=day, until=day_closes(day), about=account_id)


def record_refusal(
    occasion: Occasion, *, reason: str, consent_id: UUID | None, account_ids: Sequence[UUID]
) -> UUID:
    """Keep a refusal in the open block, once a minute for its kind. `account_ids` are the caller's own.

    The id of the record that stands for it.
    """
    refused = _disclosure(
        occasion,
        consent_id=consent_id,
        account_ids=sorted(account_ids),
        row_count=0,
        decision=Disclosure.Decision.REFUSED,
        reason=reason,
    )
    minute = occasion.at.replace(second=0, microsecond=0)
    return _keep_once(refused, since=minute, until=minute_closes(minute))


def record_staff_look(
    *, staff_id: UUID, pseudonym: UUID, door: str, at: datetime, request_id: str
) -> None:
    """Keep in the open block that staff of the bank looked at what somebody allows and what was shared, once a minute.

    They see the record, and none of the data that it speaks of.
    """
    occasion = Occasion(
        at=at,
        recipient=f"{STAFF}{staff_id}",
        door=door,
        feed="disclosures",
        purpose="compliance_search",
        pseudonym=pseudonym,
        request_id=request_id,
    )
    seen = _disclosure(
        occasion,
        consent_id=None,
        account_ids=[],
        row_count=0,
        decision=Disclosure.Decision.RELEASED,
    )
    minute = at.replace(second=0, microsecond=0)
    _keep_once(seen, since=minute, until=minute_closes(minute))


def _keep_once(
    row: Disclosure, *, since: datetime, until: datetime, about: UUID | None = None
) -> UUID:
    """Keep the row if it is the first of its kind since then, and count it; the id of the one that stands.

    One that comes when its count is closed, and sealed, is kept as a row of its own.
    """
    values: list[Any] = [
        current_bank_id(),
        new_id(),
        row.recipient,
        row.pseudonym,
        row.consent_id,
        about,
        row.door,
        row.feed,
        row.reason,
        since,
        until,
        row.id,
    ]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, values)
        counted = cursor.fetchone()
    if counted is not None and counted[0] > 1:
        return UUID(str(counted[1]))
    _keep(row)
    return row.id


def _disclosure(
    occasion: Occasion,
    *,
    consent_id: UUID | None,
    account_ids: Sequence[UUID],
    row_count: int,
    decision: str,
    reason: str = "",
) -> Disclosure:
    return Disclosure(
        at=occasion.at,
        pseudonym=occasion.pseudonym,
        consent_id=consent_id,
        recipient=occasion.recipient,
        purpose=occasion.purpose,
        door=occasion.door,
        feed=occasion.feed,
        account_ids=[str(each) for each in account_ids],
        row_count=row_count,
        decision=decision,
        reason=reason,
        request_id=occasion.request_id,
    )


def _keep(row: Disclosure) -> None:
    values = [
        row.bank_id,
        row.id,
        row.at,
        row.pseudonym,
        row.consent_id,
        row.recipient,
        row.purpose,
        row.door,
        row.feed,
        Jsonb(row.account_ids),
        row.row_count,
        row.decision,
        row.reason,
        row.request_id,
    ]
    ask_prepared(_KEEP, values)
