"""Identifiers: bare UUIDv7, made in one place (RFC 9562, section 5.7)."""

import os
import struct
import time
from uuid import UUID

_48_BITS = 2**48 - 1
# All of the lower 80 bits but the four of the version, and the two of the variant.
_NOISE = 2**80 - 1 & ~(0xF << 76) & ~(0x3 << 62)
_VERSION_AND_VARIANT = 0x7 << 76 | 0x2 << 62
_LOWER_NOISE = 2**62 - 1
_COUNTER_BITS = 12
_COUNTER = 2**_COUNTER_BITS - 1


def new_id() -> UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, then 74 random bits; later ids sort later."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    return UUID(int=(milliseconds & _48_BITS) << 80 | noise & _NOISE | _VERSION_AND_VARIANT)


def new_ids(count: int) -> list[UUID]:
    """So many at once, each after the one before: 12 of the random bits count (RFC 9562, section 6.2, method 1)."""
    began = time.time_ns() // 1_000_000 << _COUNTER_BITS
    made = []
    for number, drawn in enumerate(struct.unpack(f"{count}Q", os.urandom(8 * count)), began):
        # Where the counter is full, the next millisecond has begun.
        upper = (number >> _COUNTER_BITS & _48_BITS) << 80 | (number & _COUNTER) << 64
        made.append(UUID(int=upper | drawn & _LOWER_NOISE | _VERSION_AND_VARIANT))
    return made
