"""Identifiers: bare UUIDv7, made in one place (RFC 9562, section 5.7)."""

import os
import time
from uuid import UUID

_48_BITS = 2**48 - 1
# All of the lower 80 bits but the four of the version, and the two of the variant.
_NOISE = 2**80 - 1 & ~(0xF << 76) & ~(0x3 << 62)
_VERSION_AND_VARIANT = 0x7 << 76 | 0x2 << 62


def new_id() -> UUID:
    """A UUIDv7: 48 bits of Unix milliseconds, then 74 random bits; later ids sort later."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    return UUID(int=(milliseconds & _48_BITS) << 80 | noise & _NOISE | _VERSION_AND_VARIANT)
