"""Where we may call, at addresses that somebody else gave us: the public internet, and nobody within our own reach."""

import ipaddress
import re
from urllib.parse import urlsplit

_LONGEST_URL = 500
_HTTPS = 443

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# All that is in use of the public IPv6 (RFC 4291, section 2.4).
_GLOBAL_UNICAST = ipaddress.IPv6Network("2000::/3")
# IPv6 that stands for IPv4 (RFC 6052): judged by what it stands for.
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_HOST = re.compile(r"[a-z0-9]([a-z0-9.-]*[a-z0-9])?\.?|[0-9a-f:.]+", re.IGNORECASE)


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
