"""The tree of RFC 9162, section 2: hashes of leaves and nodes, and which of them make a proof.

Pure: nothing here knows where hashes are kept. A place is (level, position): the subtree over the leaves
from `position << level` on, `1 << level` of them, all there.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256(b"").digest()

Place = tuple[int, int]
Span = tuple[int, int]  # leaves from, and up to but without


def leaf_hash(content: bytes) -> bytes:
    return sha256(b"\x00" + content).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\x01" + left + right).digest()


def folded(hashes: Sequence[bytes]) -> bytes:
    """The one hash over subtrees that lie side by side, the widest first."""
    (*rest, root) = hashes
    for each in reversed(rest):
        root = node_hash(each, root)
    return root


def whole(hashes: Sequence[bytes]) -> bytes:
    """The one hash over a power of two of them."""
    row = list(hashes)
    while len(row) > 1:
        row = [node_hash(row[at], row[at + 1]) for at in range(0, len(row), 2)]
    return row[0]


@dataclass(frozen=True)
class Frontier:
    """A tree's right edge: the hashes of its whole subtrees, the widest first. All that growing needs."""

    size: int = 0
    hashes: tuple[bytes, ...] = ()

    def grown(self, leaves: Iterable[bytes]) -> "Frontier":
        size, hashes = self.size, list(self.hashes)
        for leaf in leaves:
            hashes.append(leaf)
            # As many subtrees are made whole as the size has ones at its end.
            for _ in range((~size & (size + 1)).bit_length() - 1):
                right = hashes.pop()
                hashes.append(node_hash(hashes.pop(), right))
            size += 1
        return Frontier(size, tuple(hashes))

    @property
    def root(self) -> bytes:
        return folded(self.hashes) if self.hashes else EMPTY_ROOT

    def packed(self) -> bytes:
        return b"".join(self.hashes)

    @classmethod
    def unpacked(cls, size: int, packed: bytes) -> "Frontier":
        cut = range(0, len(packed), HASH_BYTES)
        return cls(size, tuple(packed[at : at + HASH_BYTES] for at in cut))


def inclusion_spans(index: int, size: int) -> list[Span]:
    """Of which spans the hashes prove that a leaf is in the tree of that size (section 2.1.3.1)."""
    if not 0 <= index < size:
        raise ValueError("no such leaf")
    start, end, spans = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start = middle
    return spans[::-1]


def consistency_spans(first: int, second: int) -> list[Span]:
    """Of which spans the hashes prove that a tree grew out of a smaller one (section 2.1.4.1)."""
    if not 0 < first <= second:
        raise ValueError("no such trees")
    start, end, spans, is_known = 0, second, [], True
    while first < end:
        middle = start + _split(end - start)
        if first <= middle:
            spans.append((middle, end))
            end = middle
        else:
            spans.append((start, middle))
            start, is_known = middle, False
    return [*([] if is_known else [(start, end)]), *spans[::-1]]


def places_of(span: Span) -> list[Place]:
    """The whole subtrees that a span of a proof consists of, the widest first."""
    start, end = span
    places = []
    while start < end:
        level = (end - start).bit_length() - 1
        places.append((level, start >> level))
        start += 1 << level
    return places


def proof_of(spans: Sequence[Span], hashes: Mapping[Place, bytes]) -> list[bytes]:
    """The proof, where the hash of every place of its spans is known."""
    return [folded([hashes[each] for each in places_of(span)]) for span in spans]


def _split(size: int) -> int:
    """The largest power of two that is smaller than the size."""
    return int(1 << ((size - 1).bit_length() - 1))
