"""What a report may show: no secret, no account or card number, and not too much of anything."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit, urlunsplit

LONGEST_BODY = 4000
_SECRET_HEADERS = {"authorization": "…", "cookie": "…", "set-cookie": "…"}
_SECRETS = frozenset(
    [
        "access_token",
        "refresh_token",
        "id_token",
        "code",
        "code_verifier",
        "client_secret",
        "password",
        "client_assertion",
    ]
)
_NUMBERS = frozenset(
    {"identification", "secondaryidentification", "iban", "bban", "pan", "maskedpan"}
)
_PEOPLE = frozenset({"name", "fullname"})
# Enough digits to be somebody's number, however they are grouped; ids of UUID form are not.
_LONG_NUMBER = re.compile(r"(?<![\w-])(?:[A-Z]{2}[0-9]{2}[ ]?)?[0-9](?:[ ]?[0-9]){11,29}(?![\w-])")
_LONG = 10**12
_SHOWN = 4
_LONGEST_TITLE = 100
_TITLE = re.compile(r"(?is)<title[^>]{0,200}>(.{0,400}?)</title")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")


def headers(shown: Mapping[str, str]) -> dict[str, str]:
    """Headers with the kind of credential, and never the credential."""
    return {
        name: _credential(value) if name.lower() in _SECRET_HEADERS else numbers(value)
        for name, value in shown.items()
    }


def _credential(value: str) -> str:
    kind, _space, _rest = value.partition(" ")
    return f"{kind} …" if kind.lower() in {"bearer", "basic"} else "…"


def url(address: str) -> str:
    parts = urlsplit(address)
    query = "&".join(
        f"{quote(name)}={'…' if name in _SECRETS else quote(value, safe=':/')}"
        for name, value in parse_qsl(parts.query, keep_blank_values=True)
    )
    return urlunsplit(parts._replace(query=query))


def body(content: bytes, media_type: str) -> str:
    """A body as text: JSON laid out with secrets and numbers masked, forms too, the rest as it is."""
    if not content:
        return ""
    text = content.decode("utf-8-sig", errors="replace")
    if "html" in media_type or text.lstrip()[:1] == "<":
        return _page(text, len(content))
    if "x-www-form-urlencoded" in media_type:
        return _cut(_form(text))
    try:
        shown = json.dumps(masked(json.loads(text)), indent=1, ensure_ascii=False)
    except (ValueError, RecursionError):
        shown = numbers(_BEARER.sub(r"\1 …", text))
    return _cut(shown)


def _page(text: str, size: int) -> str:
    """Of a web page, what it is called: the rest is for people, and may be about one."""
    title = _TITLE.search(text)
    name = numbers(" ".join(title[1].split()))[:_LONGEST_TITLE] if title else ""
    return f"(a web page of {size} bytes{f', called “{name}”' if name else ''})"


def _form(text: str) -> str:
    return "\n".join(
        f"{name}={'…' if name in _SECRETS else numbers(value)}"
        for name, value in parse_qsl(text, keep_blank_values=True)
    )


def masked(value: Any, name: str = "") -> Any:
    """A JSON value without what is nobody's business."""
    key = name.lower()
    if key in _SECRETS:
        return "…"
    if isinstance(value, dict):
        return {inner: masked(each, inner) for inner, each in value.items()}
    if isinstance(value, list):
        return [masked(each, name) for each in value]
    if key in _NUMBERS:
        return _last_four(str(value))
    if not isinstance(value, str):
        return value if abs(value or 0) < _LONG else "••••"
    return "•••" if key in _PEOPLE else numbers(value)


def _last_four(number: str) -> str:
    """Nothing of a number so short that four characters would be most of it."""
    return f"•••• {number[-4:]}" if len(number) > 2 * _SHOWN else "••••"


def numbers(text: str) -> str:
    """Text in which long numbers end in their last four digits."""
    return _LONG_NUMBER.sub(lambda found: f"•••• {found[0].replace(' ', '')[-4:]}", text)


def _cut(text: str) -> str:
    if len(text) <= LONGEST_BODY:
        return text
    return f"{text[:LONGEST_BODY]}\n… ({len(text) - LONGEST_BODY} characters more)"
