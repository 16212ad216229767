"""Reading the tree: the hashes that a proof is made of, and checkpoints as they were signed.

In the bank's block: a proof takes the hashes of other customers' leaves, and nothing else of them. However
tall the tree, it reads a few rows: tiles, and at the right edge the leaves themselves.
"""

import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from accounts.disclosure.models import Checkpoint, Leaf, Tile
from accounts.disclosure.notes import Head, SignedHead
from accounts.disclosure.rules import TILE, TILE_BITS
from accounts.disclosure.tree import (
    HASH_BYTES,
    Place,
    consistency_spans,
    inclusion_spans,
    places_of,
    proof_of,
    whole,
)
from portal.tenancy.blocks import current_bank_id

CHECKPOINT_HEADER = "Portal-Checkpoint"
# A tile, by level and position.
_At = tuple[int, int]
_REMEMBERED_SECONDS = 1.0
_latest: dict[UUID, tuple[float, str]] = {}


def inclusion_proofs(indexes: Sequence[int], size: int) -> list[list[bytes]]:
    """For each leaf, that it is in the tree of that size."""
    spans = [inclusion_spans(each, size) for each in indexes]
    hashes = hashes_of({place for each in spans for span in each for place in places_of(span)})
    return [proof_of(each, hashes) for each in spans]


def consistency_proof(first: int, second: int) -> list[bytes]:
    """That the tree of the second size grew out of that of the first."""
    spans = consistency_spans(first, second)
    return proof_of(spans, hashes_of({place for span in spans for place in places_of(span)}))


def hashes_of(places: Collection[Place]) -> dict[Place, bytes]:
    """The hash of each subtree, which has to be whole."""
    within = {each: _within(each) for each in places}
    tiles = _tiles({tile for tile, _entries in within.values()})
    return {
        place: whole(tiles[tile][entries.start : entries.stop])
        for place, (tile, entries) in within.items()
    }


def latest_checkpoint() -> SignedHead | None:
    """The newest of the served bank's; None where nothing was ever sealed."""
    found = Checkpoint.objects.order_by("-size").first()
    return None if found is None else signed_head(found)


def checkpoint_header() -> str:
    """The newest, as a header's value, at most a second old: without a query nearly always."""
    bank_id, now = current_bank_id(), time.monotonic()
    known = _latest.get(bank_id)
    if known is None or now - known[0] > _REMEMBERED_SECONDS:
        found = latest_checkpoint()
        if found is None:
            # The first is handed out as soon as it is there.
            return ""
        known = _latest[bank_id] = (now, found.header)
    return known[1]


def signed_head(row: Checkpoint) -> SignedHead:
    head = Head(row.origin, row.size, bytes(row.root), row.at)
    return SignedHead(head, bytes(row.key_hash), bytes(row.signature))


def _within(place: Place) -> tuple[_At, range]:
    """In which tile a subtree lies, and which of its entries it stands for."""
    level, position = place
    first = position << (level % TILE_BITS)
    start = first % TILE
    return (level // TILE_BITS, first // TILE), range(start, start + (1 << (level % TILE_BITS)))


def _tiles(wanted: Iterable[_At]) -> dict[_At, list[bytes]]:
    by_level: dict[int, list[int]] = {}
    for level, position in wanted:
        by_level.setdefault(level, []).append(position)
    return {
        (level, position): entries
        for level, positions in by_level.items()
        for position, entries in _of_level(level, positions).items()
    }


def _of_level(level: int, positions: Sequence[int]) -> Mapping[int, list[bytes]]:
    full = Tile.objects.filter(level=level, position__in=positions)
    found = {each.position: _cut(bytes(each.hashes)) for each in full}
    return {each: found.get(each) or entries_below(level, each) for each in positions}


def entries_below(level: int, position: int) -> list[bytes]:
    """A tile's entries so far, from what it stands for."""
    span = {"position__gte": position * TILE, "position__lt": (position + 1) * TILE}
    rows: Any = (
        Leaf.objects.filter(**span).values_list("hash", flat=True)
        if level == 0
        else Tile.objects.filter(level=level - 1, **span).values_list("root", flat=True)
    )
    return [bytes(each) for each in rows.order_by("position")]


def _cut(hashes: bytes) -> list[bytes]:
    return [hashes[at : at + HASH_BYTES] for at in range(0, len(hashes), HASH_BYTES)]
