"""The definitions of RFC 9162, section 2.1, written down as they stand there: slow, and nobody else's code."""

from collections.abc import Sequence
from hashlib import sha256


def mth(entries: Sequence[bytes]) -> bytes:
    """2.1.1: the Merkle Tree Hash."""
    size = len(entries)
    if size == 0:
        return sha256().digest()
    if size == 1:
        return sha256(b"\x00" + entries[0]).digest()
    k = largest_power_below(size)
    return sha256(b"\x01" + mth(entries[:k]) + mth(entries[k:])).digest()


def path(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """2.1.3.1: the inclusion proof of entry m."""
    if len(entries) == 1:
        return []
    k = largest_power_below(len(entries))
    if m < k:
        return [*path(m, entries[:k]), mth(entries[k:])]
    return [*path(m - k, entries[k:]), mth(entries[:k])]


def proof(m: int, entries: Sequence[bytes]) -> list[bytes]:
    """2.1.4.1: the consistency proof from the first m entries."""
    return subproof(m, entries, is_known=True)


def subproof(m: int, entries: Sequence[bytes], *, is_known: bool) -> list[bytes]:
    if m == len(entries):
        return [] if is_known else [mth(entries)]
    k = largest_power_below(len(entries))
    if m <= k:
        return [*subproof(m, entries[:k], is_known=is_known), mth(entries[k:])]
    return [*subproof(m - k, entries[k:], is_known=False), mth(entries[:k])]


def largest_power_below(size: int) -> int:
    power = 1
    while power * 2 < size:
        power *= 2
    return power
