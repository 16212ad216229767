"""What was read and what was refused: the log on the customer's own page, in their block.

Every row stands on it, newest first. Rows of our own reading at the bank that follow one another are
one line, so that whoever else reads is not lost between them.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count, groupby
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils.translation import gettext

from accounts.clients.models import Client
from accounts.disclosure.models import Disclosure
from accounts.disclosure.queries import disclosures_of, times_of
from partners.banks.models import Bank
from partners.ledger.models import Account
from partners.ledger.queries import accounts_of
from partners.sharing.rules import CHAT, PORTAL
from partners.sharing.words import (
    chat_name,
    found_words,
    reason_words,
    rows_words,
    times_words,
)
from portal.rest.problems import NotFound
from portal.tenancy.blocks import served

TICKS = 50
_NEW = timedelta(seconds=3)  # the page looks every two


@dataclass(frozen=True)
class Timeline:
    """One page of releases and refusals, newest first; `following` is where older ones begin."""

    ticks: Sequence[Mapping[str, Any]]
    following: tuple[str, str] | None


@dataclass(frozen=True)
class _Beside:
    """What the lines of a page need beside themselves, read once for all of them."""

    names: Mapping[str, str]
    accounts: Mapping[str, str]
    times: Mapping[UUID, int]
    at: datetime


def timeline(bank: Bank, *, at: datetime, before: tuple[datetime, UUID] | None = None) -> Timeline:
    """Releases and refusals, those before a place where one is given."""
    now = served()
    if now.pseudonym is None:
        raise NotFound
    found = disclosures_of(now.pseudonym)
    if before is not None:
        older = Q(at__lt=before[0]) | Q(at=before[0], id__lt=before[1])
        found = found.filter(older, at__lte=before[0])
    rows = list(found[: TICKS + 1])
    page = rows[:TICKS]
    beside = _Beside(
        names=_names(page, bank),
        accounts=_told_apart(accounts_of(now.account_ids)),
        times=times_of(page),
        at=at,
    )
    ticks = [_tick(each, beside) for each in _lines(page)]
    more = len(rows) > TICKS
    return Timeline(ticks, (page[-1].at.isoformat(), page[-1].id.hex) if more else None)


def _names(rows: Iterable[Disclosure], bank: Bank) -> dict[str, str]:
    ids = {each.recipient.partition(":")[2] for each in rows}
    found = Client.objects.filter(pk__in=[int(each) for each in ids if each.isdecimal()])
    programs = {f"client:{each.pk}": str(each.name) for each in found}
    return {
        CHAT.name: chat_name(bank.name),
        PORTAL.name: settings.PORTAL_NAME,
        **programs,
    }


def _told_apart(accounts: Sequence[Account]) -> dict[str, str]:
    """Each account's name, with its last digits where another has the same name."""
    times = Counter(each.known_name for each in accounts)

    def words(account: Account) -> str:
        digits = account.masked_identification.replace("*", "\u2022")
        name = account.known_name
        return name if times[name] == 1 else f"{name} {digits}".strip()

    return {str(each.id): words(each) for each in accounts}


def _lines(rows: Sequence[Disclosure]) -> Iterator[list[Disclosure]]:
    """The rows of each line: one, or a run of our own readings."""
    alone = count(1)
    for _key, line in groupby(rows, key=lambda each: 0 if _is_ours(each) else next(alone)):
        yield list(line)


def _is_ours(row: Disclosure) -> bool:
    return row.recipient == PORTAL.name and row.decision == Disclosure.Decision.RELEASED


def _tick(line: Sequence[Disclosure], beside: _Beside) -> dict[str, Any]:
    row = line[0]
    refused = row.decision == Disclosure.Decision.REFUSED
    found: Counter[str] = Counter()
    for each in line:
        found[each.feed] += each.row_count
    named = dict.fromkeys(each for row in line for each in row.account_ids)
    times = sum(beside.times.get(each.id, 1) for each in line)
    return {
        "id": row.id,
        "at": row.at,
        "recipient": beside.names.get(row.recipient) or gettext("A program"),
        "is_ours": row.recipient == PORTAL.name,
        "door": row.door,
        "feed": row.feed,
        "row_count": row.row_count,
        "read": rows_words(row.feed, row.row_count),
        "found": found_words(found),
        "decision": row.decision,
        "reason_label": reason_words(row.reason, times) if refused else "",
        "times_label": times_words(times),
        "account": ", ".join(beside.accounts[each] for each in named if each in beside.accounts),
        "is_new": row.at > beside.at - _NEW,
    }
