"""Webhooks as pure functions: when a failed delivery is tried again, which addresses are taken, what a
message is signed with (https://www.standardwebhooks.com, specification 1.0).
"""

import base64
import hmac
import ipaddress
import re
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from urllib.parse import urlsplit

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
_LONGEST_URL = 500
_HTTPS = 443

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# All that is in use of the public IPv6 (RFC 4291, section 2.4).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# IPv6 that stands for IPv4 (RFC 6052): judged by what it stands for.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.?|[0-9a-f:.]+", re.IGNORECASE)


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


def why_not_url(url: str, *, loopback: bool) -> str:
    """Why nothing is ever sent there, or the empty string. `loopback` lets in this machine's own addresses.

    What a name leads to is only known when it is asked for: `is_allowed` says it of each address then.
    """
    if len(url) > _LONGEST_URL or not url.isascii() or not url.isprintable() or " " in url:
        return f"At most {_LONGEST_URL} printable ASCII characters."
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "Not an address."
    host = parts.hostname or ""
    if not _HOST.fullmatch(host) or "@" in parts.netloc or "#" in url:
        return "A host, without a user or a fragment."
    if loopback and is_own_name(host) and parts.scheme in {"http", "https"}:
        return ""
    if parts.scheme != "https" or port not in {None, _HTTPS}:
        return "https on port 443 alone."
    return "" if _may_be_public(host) else "An address of the public internet alone."


def _may_be_public(host: str) -> bool:
    named = as_address(host)
    return not is_own_name(host) and (named is None or is_allowed(named, loopback=False))


def is_own_name(host: str) -> bool:
    """Whether a host names this machine."""
    name = host.rstrip(".").lower()
    address = as_address(name)
    return (
        name == "localhost" or name.endswith(".localhost") or bool(address and address.is_loopback)
    )


def as_address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def is_allowed(address: Address, *, loopback: bool) -> bool:
    """Whether we may connect there: to addresses of the public internet, and where asked to ourselves."""
    meant = _meant(address)
    if loopback and meant.is_loopback:
        return True
    if isinstance(meant, ipaddress.IPv6Address) and meant not in _GLOBAL_UNICAST:
        return False
    # Python counts groups of receivers among the global ones.
    return meant.is_global and not meant.is_multicast


def _meant(address: Address) -> Address:
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address in _NAT64:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    teredo = address.teredo
    return address.ipv4_mapped or address.sixtofour or (teredo[1] if teredo else address)
