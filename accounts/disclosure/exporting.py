"""A log as a file, line by line, for `verify.py`: a bank's whole, or one customer's with proofs.

Streamed in short transactions. What is under the checkpoint that the export names changes no more, so the
chunks fit each other whatever is written meanwhile.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.db.models import Q

from accounts.disclosure.models import Checkpoint, Disclosure, DisclosureCount, Leaf
from accounts.disclosure.notes import in_base64, instant, verifier_key
from accounts.disclosure.proofs import (
    consistency_proof,
    inclusion_proofs,
    latest_checkpoint,
    signed_head,
)
from accounts.disclosure.rules import LeafKind
from accounts.disclosure.sealing import fields_of_count, fields_of_disclosure, origin_of
from portal.secrets.signing import public_keys
from portal.tenancy.blocks import current_bank_id, serving

CHUNK = 500
MOST_SIZES = 50
MEDIA_TYPE = "application/jsonl"
Line = dict[str, Any]
Block = Callable[[], AbstractContextManager[object]]


def bank_lines(bank_id: UUID, *, at: datetime, sizes: Collection[int] = ()) -> Iterator[Line]:
    """Every leaf of the bank in its order, each checkpoint behind its last leaf, then what waits."""

    def block() -> AbstractContextManager[object]:
        return serving(bank_id)

    with block():
        begin, size = begin_line("bank", at, ""), sealed_size()
    yield begin
    for start in range(0, size, CHUNK):
        with block():
            chunk = list(leaves_and_checkpoints(start, min(start + CHUNK, size)))
        yield from chunk
    yield from _ending(bank_id, block, begin, size, leaves=size, sizes=sizes)


def customer_lines(
    bank_id: UUID, block: Block, pseudonym: UUID, *, at: datetime, sizes: Collection[int] = ()
) -> Iterator[Line]:
    """The customer's own leaves, each with its proof; `block` is the customer's."""
    with block():
        begin, size = begin_line("customer", at, str(pseudonym)), sealed_size()
    yield begin
    after, leaves = -1, 0
    while True:
        with block():
            lines = own_leaves(pseudonym, after=after, size=size, limit=CHUNK // 5)
        yield from lines
        leaves += len(lines)
        if not lines:
            break
        after = lines[-1]["index"]
    yield from _ending(bank_id, block, begin, size, leaves=leaves, sizes=sizes)


def leaves_and_checkpoints(start: int, end: int) -> Iterator[Line]:
    """The leaves of a span, in the open block, and the checkpoints that were signed within it."""
    leaves = list(Leaf.objects.filter(position__gte=start, position__lt=end).order_by("position"))
    notes = {
        each.size: signed_head(each).note
        for each in Checkpoint.objects.filter(size__gt=start, size__lte=end)
    }
    for line in _leaf_lines(leaves):
        yield line
        if line["index"] + 1 in notes:
            yield {"type": "checkpoint", "note": notes[line["index"] + 1]}


def own_leaves(pseudonym: UUID, *, after: int, size: int, limit: int) -> list[Line]:
    """The customer's next leaves with their proofs, in the customer's open block."""
    mine = Leaf.objects.filter(pseudonym=pseudonym, position__gt=after, position__lt=size)
    lines = list(_leaf_lines(list(mine.order_by("position")[:limit])))
    # Hashes of others' leaves are part of a proof; of those leaves nothing else is read.
    with serving(current_bank_id()):
        proofs = inclusion_proofs([each["index"] for each in lines], size)
    return [
        line | {"proof": [each.hex() for each in proof]}
        for line, proof in zip(lines, proofs, strict=True)
    ]


def leaf_line(record_id: UUID, size: int) -> Line | None:
    """One record's leaf with its proof, in the bank's open block; None where it is not under that size."""
    leaf = Leaf.objects.filter(pk=record_id, position__lt=size).first()
    if leaf is None:
        return None
    (line,) = _leaf_lines([leaf])
    (proof,) = inclusion_proofs([leaf.position], size)
    return line | {"proof": [each.hex() for each in proof]}


def keys_body(bank_id: UUID) -> Line:
    """The public keys of the bank, in its open block, as everybody may have them."""
    origin = origin_of(bank_id)
    return {
        "origin": origin,
        "keys": [
            {
                "public_key": in_base64(each.raw),
                "verifier_key": verifier_key(origin, each.raw),
                "valid_from": instant(each.valid_from),
                "valid_until": each.valid_until and instant(each.valid_until),
            }
            for each in public_keys()
        ],
    }


def consistency_body(first: int, second: int) -> Line:
    """What `verify.py` takes as a proof."""
    hashes = [each.hex() for each in consistency_proof(first, second)]
    return {"first": first, "second": second, "hashes": hashes}


def wanted_sizes(text: str) -> list[int]:
    """Sizes that somebody holds checkpoints of, as an address names them: `12,40`; what is odd is left out."""
    return [int(each) for each in text.split(",")[:MOST_SIZES] if each.isdecimal()]


def in_lines(lines: Iterator[Line]) -> Iterator[bytes]:
    """As JSON, one a line."""
    for each in lines:
        yield orjson.dumps(each, option=orjson.OPT_APPEND_NEWLINE)


def sealed_size() -> int:
    latest = latest_checkpoint()
    return 0 if latest is None else latest.head.size


def begin_line(of: str, at: datetime, pseudonym: str) -> Line:
    latest = latest_checkpoint()
    return {
        "type": "export",
        "version": 1,
        "of": of,
        "origin": origin_of(current_bank_id()),
        "pseudonym": pseudonym,
        "made_at": instant(at),
        "checkpoint": "" if latest is None else latest.note,
    }


def _leaf_lines(leaves: Sequence[Leaf]) -> Iterator[Line]:
    fields = _records([each.id for each in leaves])
    for each in leaves:
        yield {
            "type": "leaf",
            "index": each.position,
            "kind": each.kind,
            # None where a leaf has lost its record.
            "fields": fields.get(each.id),
            "hash": bytes(each.hash).hex(),
        }


def _records(ids: Sequence[UUID]) -> dict[UUID, Mapping[str, str]]:
    shown = Disclosure.objects.filter(pk__in=ids)
    counts = DisclosureCount.objects.filter(pk__in=ids)
    return {each.id: fields_of_disclosure(each) for each in shown} | {
        each.id: fields_of_count(each) for each in counts
    }


def _ending(
    bank_id: UUID,
    block: Block,
    begin: Line,
    size: int,
    *,
    leaves: int,
    sizes: Collection[int],
) -> Iterator[Line]:
    with block():
        waiting = waiting_lines(begin["pseudonym"], size)
    yield from waiting
    with serving(bank_id):
        proofs = [consistency_body(each, size) for each in sorted(set(sizes)) if 0 < each <= size]
    yield from ({"type": "consistency"} | each for each in proofs)
    yield {"type": "end", "leaves": leaves}


def waiting_lines(pseudonym: str, size: int) -> list[Line]:
    """Records that are not under the checkpoint, of the newest thousand; they are sealed within a second."""
    whose = Q(pseudonym=pseudonym) if pseudonym else Q()
    newest = Disclosure.objects.filter(whose).order_by("-at", "-id")[:1_000]
    rows = {each.id: each for each in newest}
    under = Leaf.objects.filter(pk__in=rows, position__lt=size)
    sealed = set(under.values_list("id", flat=True))
    return [
        {
            "type": "unsealed",
            "kind": LeafKind.DISCLOSURE.value,
            "fields": fields_of_disclosure(each),
        }
        for each in reversed(rows.values())
        if each.id not in sealed
    ]
