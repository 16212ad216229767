"""Following a bank's own links, to that bank alone."""

import re
from urllib.parse import SplitResult, unquote, urljoin, urlsplit

from partners.connectors.answers import Node

_MAX_URL = 2048
_URL = re.compile(r"[\x21-\x7e]{1,2048}")
_DEFAULT_PORTS = {"http": 80, "https": 443}


def next_url(links: Node, name: str, *, asked: str, within: str) -> str | None:
    """The next page's URL, None on the last page; BadAnswer where it would lead us elsewhere."""
    if not links.has(name):
        return None
    following = _joined(asked, links.string(name, limit=_MAX_URL))
    if following is None or not is_within(following, within):
        links.wrong(name, "leads elsewhere")
    if following == asked:
        links.wrong(name, "leads back to the same page")
    return following


def _joined(asked: str, written: str) -> str | None:
    if not _URL.fullmatch(written):  # urljoin would drop line breaks and tabs, and go on
        return None
    try:
        return urljoin(asked, written)
    except ValueError:
        return None


def is_within(url: str, base: str) -> bool:
    """Whether a URL has the base's origin, and its path lies under the base's, however written."""
    if not _URL.fullmatch(url) or "\\" in url or "#" in url:
        return False
    try:
        there, here = urlsplit(url), urlsplit(base)
        same_origin = _origin(there) == _origin(here)
    except ValueError:
        return False
    return same_origin and _is_under(there.path, here.path)


def _origin(parts: SplitResult) -> tuple[str, str, int | None]:
    if parts.username is not None or parts.password is not None:
        raise ValueError("no credentials in a link")
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme)


def _is_under(path: str, base: str) -> bool:
    if not (path == base or path.startswith(f"{base}/")):
        return False
    steps = unquote(path.removeprefix(base)).split("/")
    return not any(step in {".", ".."} or "\\" in step or "%" in step for step in steps)
