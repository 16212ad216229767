"""The sealer: what was written down becomes leaves of its bank's tree, and the bank signs what the tree is now.

A batch is one transaction under the bank's own lock, so any number of sealers may run, and one that dies
leaves nothing half done. What commits late is sealed late, and never passed over: a record is among the
unsealed until it is a leaf.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from django.conf import settings
from django.db import connection, connections

from accounts.disclosure.models import (
    Checkpoint,
    Disclosure,
    DisclosureCount,
    Leaf,
    Tile,
    Unsealed,
)
from accounts.disclosure.notes import Head, instant, key_hash
from accounts.disclosure.proofs import entries_below
from accounts.disclosure.rules import TILE, TILE_BITS, LeafKind, content_of
from accounts.disclosure.tallying import tally
from accounts.disclosure.tree import Frontier, leaf_hash, whole
from portal.secrets.signing import rotate_signing_key, signer
from portal.telemetry.measures import SEALED, SEALING_LAG
from portal.tenancy.blocks import current_bank_id, serving

BATCH = 1_000
_LOCKS = 7_302_119  # our own namespace among advisory locks
_BANKS_WITH_WORK = """
    SELECT bank_id FROM accounts_unsealed WHERE due_at <= %s
    GROUP BY bank_id ORDER BY min(due_at)
"""

Clock = Callable[[], datetime]
Fields = Mapping[str, str]


@dataclass(frozen=True)
class Record:
    """One that is to be a leaf: its fields as they are hashed."""

    row: Disclosure | DisclosureCount
    kind: LeafKind
    fields: Fields

    @property
    def id(self) -> UUID:
        return self.row.id

    @property
    def hash(self) -> bytes:
        return leaf_hash(content_of(self.kind, self.fields))


def banks_with_unsealed(*, at: datetime) -> list[UUID]:
    """The banks that have something to seal, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at])
        return [UUID(str(row[0])) for row in cursor.fetchall()]


def seal_due(*, bank_id: UUID, clock: Clock, at_most: int = BATCH) -> int:
    """Seal one batch of one bank; how many leaves it gave. None where another sealer is at it."""
    with serving(bank_id):
        if not _is_alone(bank_id):
            return 0
        at = clock()
        waiting = list(Unsealed.objects.filter(due_at__lte=at).order_by("due_at", "id")[:at_most])
        if not waiting:
            return 0
        records = _records(waiting, at)
        if not records:
            return 0
        _append(records, at)
        rows = [each.row for each in records]
        tally(
            [each for each in rows if isinstance(each, Disclosure)],
            [each for each in rows if isinstance(each, DisclosureCount)],
        )
        Unsealed.objects.filter(pk__in=[each.id for each in records]).delete()
    _measure(waiting, clock())
    return len(records)


def hold_sealing() -> None:
    """Nothing more is sealed of the served bank until the open block ends: what is read of leaves, checkpoints and
    tallies meanwhile belongs together. A sealer that comes passes the bank over for that moment."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS, str(current_bank_id())]
        )


def change_key(*, bank_id: UUID, clock: Clock) -> datetime:
    """Have the bank sign with a new key from now on; that instant. What the old one signed stays good.

    Alone with the log: no checkpoint is signed by a key after its time, nor before.
    """
    with serving(bank_id):
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS, str(bank_id)]
            )
        last = Checkpoint.objects.order_by("-size").first()
        # A clock that was set back takes no log back.
        at = clock() if last is None else max(clock(), last.at)
        rotate_signing_key(at=at)
    return at


def origin_of(bank_id: UUID) -> str:
    """What a bank's log is called: its address, without the scheme."""
    return f"{settings.API_ORIGIN.partition('://')[2]}/disclosures/{bank_id}"


def fields_of_disclosure(row: Disclosure) -> Fields:
    """The record as it is hashed and exported: texts alone, what is not there is empty."""
    return {
        "bank_id": str(row.bank_id),
        "id": str(row.id),
        "at": instant(row.at),
        "pseudonym": _text(row.pseudonym),
        "consent_id": _text(row.consent_id),
        "recipient": row.recipient,
        "purpose": row.purpose,
        "door": row.door,
        "feed": row.feed,
        "account_ids": " ".join(row.account_ids),
        "row_count": str(row.row_count),
        "decision": row.decision,
        "reason": row.reason,
        "request_id": row.request_id,
    }


def fields_of_count(row: DisclosureCount) -> Fields:
    """The same of a count that is closed."""
    return {
        "bank_id": str(row.bank_id),
        "id": str(row.id),
        "disclosure_id": str(row.disclosure_id),
        "pseudonym": _text(row.pseudonym),
        "consent_id": _text(row.consent_id),
        "recipient": row.recipient,
        "door": row.door,
        "feed": row.feed,
        "reason": row.reason,
        "about": _text(row.about),
        "since": instant(row.since),
        "until": instant(row.until),
        "count": str(row.count),
    }


def _text(value: UUID | None) -> str:
    return "" if value is None else str(value)


def _is_alone(bank_id: UUID) -> bool:
    # Until the transaction ends. Two banks that share a number wait for one another, and that is all.
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_try_advisory_xact_lock(%s, hashtext(%s))", [_LOCKS, str(bank_id)]
        )
        return bool(cursor.fetchone()[0])


def _records(waiting: Sequence[Unsealed], at: datetime) -> list[Record]:
    """In the order in which they were written down."""
    shown = _ids(waiting, Unsealed.Kind.DISCLOSURE)
    counts = _ids(waiting, Unsealed.Kind.COUNT)
    found: dict[UUID, Record] = {
        each.id: Record(each, LeafKind.DISCLOSURE, fields_of_disclosure(each))
        for each in Disclosure.objects.filter(pk__in=shown)
    }
    if counts:
        # From here on what comes late is kept as a row of its own.
        DisclosureCount.objects.filter(pk__in=counts, closed_at=None).update(closed_at=at)
        closed = DisclosureCount.objects.filter(pk__in=counts)
        found |= {each.id: Record(each, LeafKind.COUNT, fields_of_count(each)) for each in closed}
    return [found[each.id] for each in waiting if each.id in found]


def _ids(waiting: Iterable[Unsealed], kind: str) -> list[UUID]:
    return [each.id for each in waiting if each.kind == kind]


def _append(records: Sequence[Record], at: datetime) -> None:
    last = Checkpoint.objects.order_by("-size").first()
    before = Frontier() if last is None else Frontier.unpacked(last.size, bytes(last.frontier))
    hashes = [each.hash for each in records]
    Leaf.objects.bulk_create(
        Leaf(
            id=each.id,
            kind=each.kind.value,
            pseudonym=each.fields["pseudonym"] or None,
            position=position,
            hash=digest,
        )
        for position, (each, digest) in enumerate(zip(records, hashes, strict=True), before.size)
    )
    after = before.grown(hashes)
    _keep_tiles(before.size, after.size)
    # A clock that was set back takes no log back.
    _sign(after, at if last is None else max(at, last.at))


def _keep_tiles(before: int, after: int) -> None:
    """Keep each tile that is full now, level by level."""
    level = 0
    while after >= TILE:
        for position in range(before >> TILE_BITS, after >> TILE_BITS):
            hashes = entries_below(level, position)
            Tile.objects.create(
                level=level, position=position, hashes=b"".join(hashes), root=whole(hashes)
            )
        level, before, after = level + 1, before >> TILE_BITS, after >> TILE_BITS


def _sign(tree: Frontier, at: datetime) -> None:
    signing = signer(at=at)
    # What the database keeps of an instant, and no finer.
    head = Head(origin_of(current_bank_id()), tree.size, tree.root, at.astimezone(UTC))
    Checkpoint.objects.create(
        origin=head.origin,
        size=head.size,
        root=head.root,
        frontier=tree.packed(),
        at=head.at,
        key_hash=key_hash(head.origin, signing.public_key),
        signature=signing.sign(head.text.encode()),
    )


def _measure(waiting: Sequence[Unsealed], at: datetime) -> None:
    for each in waiting:
        SEALED.labels(each.kind).inc()
        if each.kind == Unsealed.Kind.DISCLOSURE and each.due_at is not None:
            SEALING_LAG.observe(max(0.0, (at - each.due_at).total_seconds()))
