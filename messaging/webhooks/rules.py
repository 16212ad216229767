"""Webhooks as pure functions: when a failed delivery is tried again, what a message is signed with
(https://www.standardwebhooks.com, specification 1.0).
"""

import base64
import hmac
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256

# After each failed attempt, how long until the next; the first is made at once. Then it is given up.
WAITS = (
    timedelta(seconds=5),
    timedelta(minutes=5),
    timedelta(minutes=30),
    timedelta(hours=2),
    timedelta(hours=5),
    timedelta(hours=10),
    timedelta(hours=14),
    timedelta(hours=20),
    timedelta(hours=24),
)
# Later by up to a tenth, so that what failed together does not come back together.
JITTER = 0.1
# An endpoint that fails rests between two of its deliveries: doubling from a second to a minute.
LONGEST_REST = timedelta(minutes=1)
LONGEST_RETRY_AFTER = timedelta(days=1)

SECRET_PREFIX = "whsec_"  # noqa: S105  # what every secret begins with, not a secret
SECRET_BYTES = 32


def wait_after(attempts: int, *, noise: float) -> timedelta | None:
    """How long after so many failed attempts (1 or more) the next one is due; None where it is given up.

    `noise` is between 0 and 1.
    """
    if attempts > len(WAITS):
        return None
    return WAITS[max(attempts, 1) - 1] * (1 + JITTER * noise)


def rest_after(failures: int) -> timedelta:
    """How long an endpoint is left alone after so many failures in a row (1 or more)."""
    return min(timedelta(seconds=1) * (1 << min(max(failures, 1) - 1, 10)), LONGEST_REST)


def sign(secrets: Sequence[bytes], *, message_id: str, timestamp: int, body: bytes) -> str:
    """The header `webhook-signature`: one `v1` for each secret that is valid now."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    macs = (hmac.new(each, signed, sha256).digest() for each in secrets)
    return " ".join(f"v1,{base64.b64encode(each).decode()}" for each in macs)


def secret_text(key: bytes) -> str:
    """A secret as programs get it."""
    return SECRET_PREFIX + base64.b64encode(key).decode()


def secret_key(text: str) -> bytes:
    """The key that such a text stands for."""
    return base64.b64decode(text.removeprefix(SECRET_PREFIX))
