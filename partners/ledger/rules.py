"""What a row from a bank is to what we have stored: the same, a change of it, another, or a contradiction.

Identity is scoped to the account, always. In this order:

1. The bank's id, or an id it had before, names the entry.
2. Else, where a whole window was read: an entry whose own id the bank lists no more, with the same
   fingerprint, is this row under a new id (which of several equals: in their order). So is a pending
   entry that is listed no more, for a posted row of the same amount and text within ten days. With
   another amount, or later, it may be: staff are asked.
3. Else it is a new entry. Two rows that are listed side by side are never one.

What may change: pending may become anything but another currency or the other sign. Posted is final:
a pending row that comes after it is late and is passed over; a posted row with another amount, sign
or currency is a contradiction, is kept aside, and is never written over what is stored.
"""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from hashlib import blake2b, sha256
from typing import NamedTuple, Protocol
from uuid import UUID

import orjson

from partners.connectors.base import TransactionRecord

PENDING, POSTED, REMOVED = "pending", "posted", "removed"
# A bank may post a pending payment under another day; later than this it is another payment.
POSTS_WITHIN = timedelta(days=10)
# So long may a pending payment stand. Card schemes let a hold stand for a month at most (hotels, hired cars), and shops and
# banks are late; what is asked for stays within the ninety days that banks tell without a customer who is there.
PENDING_WITHIN = timedelta(days=45)
MOST_OF_REFERENCES = 300
# Of the genuine equals of a day, what their column holds: those beyond have the last number, and stand in the order of
# their ids, as they came.
MOST_NUMBERED = 32_767
_ASCII = {code: chr(code).casefold() if chr(code).isalnum() else None for code in range(128)}
_NO_TIME = datetime.min.replace(tzinfo=UTC)
_NAME, _ABOUT = "fp:", "about:"
# Of a hash: so much tells rows of an account apart for good.
_BYTES = 16


class EntryRow(NamedTuple):
    """A bank's row in the ledger's own shape; the fields are the ledger's columns, in order: its name, and what it says.

    A tuple, since a page makes a thousand of them and compares, hashes and copies each as a whole.
    """

    source: str
    external_id: str
    status: str
    kind: str
    amount_minor: int
    currency: str
    original_amount_minor: int | None
    original_currency: str
    exchange_rate: str
    booked_on: date
    booked_on_source: str
    booked_at: datetime | None
    value_on: date | None
    description: str
    merchant_name: str
    merchant_category: str
    merchant_country: str
    card_id: str
    card_last4: str
    fraud_suspected: bool
    bank_references: str
    details: str = ""


# Of which entry, and how many of its columns say so.
_NAMES = len(("source", "external_id"))


class Known(NamedTuple):
    """An entry as it is stored, whole."""

    id: UUID
    occurrence: int
    fingerprint: str
    row: EntryRow


class Verdict(StrEnum):
    CHANGE = "change"
    LATE = "late"
    CONFLICT = "conflict"


class _Money(Protocol):
    @property
    def amount_minor(self) -> int: ...
    @property
    def currency(self) -> str: ...


def normal_text(text: str) -> str:
    """Text as it is compared: letters and digits alone, without case, marks or spacing."""
    if text.isascii():
        # The same, several times as fast: each such letter stands for itself.
        return text.translate(_ASCII)
    folded = unicodedata.normalize("NFKD", text).casefold()
    return "".join(mark for mark in folded if mark.isalnum())


def fingerprints(account_id: UUID) -> Callable[[EntryRow], str]:
    """The second identity of an account's payments: of what each is about, without the bank's id; 32 hex digits."""
    account = str(account_id)

    def fingerprint(row: EntryRow) -> str:
        return fingerprint_in(sha256(_about(row, account)).hexdigest())

    return fingerprint


def abouts(account_id: UUID) -> Callable[[EntryRow], str]:
    """What a fingerprint is the beginning of, 64 hex digits: names of rows without an id are made of it."""
    account = str(account_id)

    def about(row: EntryRow) -> str:
        return sha256(_about(row, account)).hexdigest()

    return about


def fingerprint_in(about: str) -> str:
    """The fingerprint of rows that are about that."""
    return about[: 2 * _BYTES]


def _about(row: EntryRow, account: str) -> bytes:
    text, day = normal_text(row.merchant_name or row.description), row.booked_on.isoformat()
    return f"{account}\x1f{row.amount_minor}\x1f{row.currency}\x1f{day}\x1f{text}".encode()


def digest_of(row: EntryRow) -> str:
    """What the row says, in 32 hex digits: rows with the same one say the same. Its name is not in it.

    Of the same moment told in another time zone it is another: equal ones say that nothing has
    changed, others only that it has to be looked at.
    """
    return blake2b(orjson.dumps(row[_NAMES:]), digest_size=_BYTES).hexdigest()


@dataclass(slots=True)
class Seen:
    """What a list that comes in several parts has told of an account so far.

    `equals`: how many rows of each name, and how many with references are about the same. `unsure`: what it was about of
    which it could not be said whether it is stored under another reference. `looked_at`: days in doubt of which the references
    were looked for at other payments.
    """

    equals: Counter[str] = field(default_factory=Counter)
    unsure: set[str] = field(default_factory=set)
    looked_at: set[date] = field(default_factory=set)

    def of_days_to_come(self) -> "Seen":
        """What is left of it where none of the days before is told again: what is in doubt may yet be settled."""
        return Seen(unsure=self.unsure, looked_at=self.looked_at)

    def count_about(self, about: str) -> None:
        self.equals[_ABOUT + about] += 1

    def told_about(self, about: str) -> int:
        """How many rows are about that: those with references, and those without, whose name it is."""
        return self.equals[_ABOUT + about] + self.equals[about]

    def has_told(self, name: str) -> bool:
        """Whether a row of that name was told, which says itself which of its equals it is."""
        named, _colon, place = name.removeprefix(_NAME).rpartition(":")
        return name.startswith(_NAME) and int(place) <= self.equals[named]


def rows_of(
    records: Iterable[TransactionRecord],
    *,
    account_id: UUID,
    source: str,
    seen: Seen | None = None,
) -> list[EntryRow]:
    """The records in the ledger's shape; a row without an id is named by what it says, and which of its equals it is.

    `seen`: of a list that comes in several parts, what was told before.
    """
    counted = Seen() if seen is None else seen
    about, rows = abouts(account_id), []
    for record in records:
        row = _row(record, source)
        if not row.external_id:
            named = own = about(row)
            if row.bank_references:
                counted.count_about(own)
                named = sha256(f"{own}\x1f{row.bank_references}".encode()).hexdigest()
            counted.equals[named] += 1
            row = row._replace(external_id=name_of(named, counted.equals[named]))
        rows.append(row)
    return rows


def name_of(named: str, place: int) -> str:
    """What stands where a row has no id."""
    return f"{_NAME}{named}:{place}"


def _row(record: TransactionRecord, source: str) -> EntryRow:
    references = record.references
    # By position, which costs a fraction of what names do.
    return EntryRow(
        source,
        record.external_id or "",
        record.status,
        record.kind,
        record.amount_minor,
        record.currency,
        record.original_amount_minor,
        record.original_currency or "",
        record.exchange_rate or "",
        record.booked_on,
        record.booked_on_source,
        record.booked_at,
        record.value_on,
        record.description,
        record.merchant_name or "",
        record.merchant_category or "",
        record.merchant_country or "",
        record.card_id or "",
        record.card_last4 or "",
        record.fraud_suspected,
        "\n".join(references)[:MOST_OF_REFERENCES] if references else "",
        record.details,
    )


def contradiction(known: _Money, seen: _Money) -> str:
    """How the money of two rows differs: empty where it is the same."""
    if known.currency != seen.currency:
        return "currency_changed"
    if known.amount_minor * seen.amount_minor < 0:
        return "sign_changed"
    return "amount_changed" if known.amount_minor != seen.amount_minor else ""


def judge(known: Known, seen: EntryRow) -> tuple[Verdict, str]:
    """What `seen` is to the entry that it names, and why where it is a conflict."""
    why = contradiction(known.row, seen)
    if known.row.status == POSTED:
        if seen.status == PENDING:
            return Verdict.LATE, ""
        return (Verdict.CONFLICT, why) if why else (Verdict.CHANGE, "")
    if why in {"currency_changed", "sign_changed"}:
        return Verdict.CONFLICT, why
    return Verdict.CHANGE, ""


@dataclass(frozen=True, slots=True)
class Page:
    """Rows of one reading, one for each id; `contradicted` are others that came under the same ids."""

    rows: Sequence[EntryRow]
    contradicted: Sequence[EntryRow]


def oldest_first(rows: Sequence[EntryRow]) -> list[EntryRow]:
    """In the order in which they happened, whichever way the bank lists them; equals as it lists them.

    A list whose ends are at the same moment does not show its way: interfaces list the newest first.
    """
    listed = list(rows)
    if listed and moment(listed[0]) >= moment(listed[-1]):
        listed.reverse()
    return sorted(listed, key=moment)


def moment(row: EntryRow) -> tuple[date, datetime]:
    """When it happened, to be put in order."""
    # A row without a time stands before those of its day that have one.
    return (row.booked_on, row.booked_at or _NO_TIME)


def one_for_each_id(rows: Iterable[EntryRow]) -> Page:
    """Of rows with the same id the posted one stands, else the last; posted ones that differ contradict.

    Oldest first, so that what happened first is numbered, and told, first.
    """
    chosen: dict[str, EntryRow] = {}
    contradicted: list[EntryRow] = []
    for row in rows:
        before = chosen.get(row.external_id)
        if before is None or before.status == PENDING:
            chosen[row.external_id] = row
        elif row.status == POSTED and contradiction(before, row):
            contradicted.append(row)
    return Page(oldest_first(list(chosen.values())), contradicted)


def renumbered(
    unknown: Sequence[tuple[EntryRow, str]], vanished: Sequence[Known]
) -> Mapping[str, Known]:
    """Which rows with unknown ids, each with its fingerprint, are entries whose own ids the bank lists no more.

    By the new id.
    """
    found: dict[str, Known] = {}
    left = {each.id: each for each in vanished}
    by_fingerprint: defaultdict[str, list[Known]] = defaultdict(list)
    for each in vanished:
        by_fingerprint[each.fingerprint].append(each)
    for row, fingerprint in unknown:
        equals = by_fingerprint[fingerprint]
        if equals:
            found[row.external_id] = left.pop(equals.pop(0).id)
    for row, _fingerprint in unknown:
        if row.external_id not in found and row.status == POSTED:
            same = [each for each in left.values() if _was_pending(each.row, row)]
            if same:
                day = row.booked_on
                nearest = min(same, key=lambda each: (abs(each.row.booked_on - day), each.id))
                found[row.external_id] = left.pop(nearest.id)
    return found


def _was_pending(known: EntryRow, row: EntryRow) -> bool:
    return (
        known.status == PENDING
        and not contradiction(known, row)
        and timedelta() <= row.booked_on - known.booked_on <= POSTS_WITHIN
        and _text(known) == _text(row)
    )


def _text(row: EntryRow) -> str:
    return normal_text(row.merchant_name or row.description)


class Perhaps(NamedTuple):
    """A pending entry that is listed no more, and the id of the posted row that it may be by now."""

    entry_id: UUID
    external_id: str
    same_amount: bool


def perhaps_posted(unknown: Sequence[EntryRow], vanished: Sequence[Known]) -> list[Perhaps]:
    """Pending entries that may have been posted: with a tip, at another rate, or long after.

    Never taken for certain, only shown to staff. Each once, the nearest first.
    """
    near = sorted(
        (
            abs(row.amount_minor - known.row.amount_minor),
            row.booked_on - known.row.booked_on,
            known.id,
            row.external_id,
        )
        for row in unknown
        for known in vanished
        if _may_have_posted(known.row, row)
    )
    found: list[Perhaps] = []
    for apart, _days, known_id, name in near:
        if not any(known_id == each.entry_id or name == each.external_id for each in found):
            found.append(Perhaps(known_id, name, same_amount=not apart))
    return found


def _may_have_posted(known: EntryRow, row: EntryRow) -> bool:
    before, now = abs(known.amount_minor), abs(row.amount_minor)
    return (
        (known.status, row.status) == (PENDING, POSTED)
        and contradiction(known, row) in {"", "amount_changed"}
        # From half of it to half as much again.
        and before <= 2 * now <= 3 * before
        and timedelta() <= row.booked_on - known.booked_on <= PENDING_WITHIN
        and _text(row) != ""
        and _text(known) == _text(row)
    )
