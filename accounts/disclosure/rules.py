"""What of a record is hashed, and how: fixed fields in a fixed order, byte for byte.

`docs/disclosure-log.md` is the promise, `verify.py` its other half. A record that is to say more gets a
new version beside the old one: what was sealed stays as it was sealed.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from enum import StrEnum


class LeafKind(StrEnum):
    """What a leaf speaks of, and in which version of its fields."""

    DISCLOSURE = "disclosure/1"
    COUNT = "count/1"


FIELDS: Mapping[str, tuple[str, ...]] = {
    LeafKind.DISCLOSURE: (
        "bank_id",
        "id",
        "at",
        "pseudonym",
        "consent_id",
        "recipient",
        "purpose",
        "door",
        "feed",
        "account_ids",
        "row_count",
        "decision",
        "reason",
        "request_id",
    ),
    LeafKind.COUNT: (
        "bank_id",
        "id",
        "disclosure_id",
        "pseudonym",
        "consent_id",
        "recipient",
        "door",
        "feed",
        "reason",
        "about",
        "since",
        "until",
        "count",
    ),
}
# So many hashes of a level are a tile.
TILE_BITS = 8
TILE = 1 << TILE_BITS
# How long a count waits for what began before its minute or its day was over.
MINUTES_GRACE, DAYS_GRACE = timedelta(minutes=5), timedelta(hours=1)


def content_of(kind: str, fields: Mapping[str, str]) -> bytes:
    """The bytes of a leaf: its kind and each field as a netstring, `<bytes>:<text>,`."""
    texts = [f"portal.{kind}", *(fields[name] for name in FIELDS[kind])]
    return b"".join(_netstring(each.encode()) for each in texts)


def minute_closes(since: datetime) -> datetime:
    return since + timedelta(minutes=1) + MINUTES_GRACE


def day_closes(since: datetime) -> datetime:
    return since + timedelta(days=1) + DAYS_GRACE


def _netstring(raw: bytes) -> bytes:
    return str(len(raw)).encode() + b":" + raw + b","
