"""What a client program may do, from what it registered; and what it may ask a customer for."""

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

GRANT_TYPES = frozenset({"client_credentials", "authorization_code"})
# The longest client id and secret that we make are far shorter.
LONGEST_CREDENTIAL = 255

LONGEST_DAYS = 365
LONGEST_HISTORY_DAYS = 365
_USUAL_HISTORY_DAYS = 90
_LONGEST_ADDRESS = 500
_LONGEST_STATE = 512
# RFC 7636, section 4.2: SHA-256 in base64url without its padding.
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_WORD = re.compile(r"[a-z_]{1,20}")
_SLUG = re.compile(r"[a-zA-Z0-9_-]{1,40}")
_NUMBER = re.compile(r"[0-9]{1,3}")


def scopes_of(registered: Iterable[object], *, known: Collection[str]) -> list[str]:
    """The scopes of a client's registered feeds, without those that this portal does not know."""
    return sorted({str(each) for each in registered} & set(known))


def is_plain(text: object) -> bool:
    """Whether a credential can be one of ours: the database takes no NUL, and we make none that long."""
    return isinstance(text, str) and len(text) <= LONGEST_CREDENTIAL and text.isprintable()


class NotAsked(ValueError):
    """Such a request cannot be put to a customer; `error` is RFC 6749's word for why."""

    def __init__(self, error: str, why: str) -> None:
        super().__init__(why)
        self.error = error


@dataclass(frozen=True)
class Asked:
    """What a program asks a customer for (RFC 6749, section 4.1.1, with PKCE), as it came."""

    client_id: str
    redirect_uri: str
    state: str
    code_challenge: str
    bank: str
    purpose: str
    feeds: tuple[str, ...]
    alert_types: tuple[str, ...]
    days: int
    history_days: int

    @property
    def digest(self) -> str:
        """The same for the same request."""
        return hashlib.sha256(json.dumps(self.as_data(), sort_keys=True).encode()).hexdigest()

    def as_data(self) -> dict[str, Any]:
        return asdict(self) | {"feeds": list(self.feeds), "alert_types": list(self.alert_types)}


def asked_from(data: Mapping[str, Any]) -> Asked:
    """What `as_data` kept."""
    lists = {"feeds": tuple(data["feeds"]), "alert_types": tuple(data["alert_types"])}
    return Asked(**{**data, **lists})


def read_asked(given: Mapping[str, Sequence[str]]) -> Asked:
    """The request in an address's query. Raises NotAsked."""
    if any(len(values) > 1 for values in given.values()):
        raise NotAsked("invalid_request", "a parameter is there twice")
    said = {name: values[0] for name, values in given.items() if values}
    if said.get("response_type") != "code":
        raise NotAsked("unsupported_response_type", "response_type is code")
    if said.get("code_challenge_method") != "S256":
        raise NotAsked("invalid_request", "code_challenge_method is S256")
    asked = Asked(
        client_id=_matching(said, "client_id", re.compile(r"[ -~]{1,255}")),
        redirect_uri=_matching(
            said, "redirect_uri", re.compile(rf"[!-~]{{1,{_LONGEST_ADDRESS}}}")
        ),
        state=_matching(said, "state", re.compile(rf"[ -~]{{0,{_LONGEST_STATE}}}")),
        code_challenge=_matching(said, "code_challenge", _CHALLENGE),
        bank=_matching(said, "bank", _SLUG),
        purpose=_matching(said, "purpose", _SLUG),
        feeds=_words(said, "scope", error="invalid_scope"),
        alert_types=_words(said, "alert_types", error="invalid_request"),
        days=_days(said, "days", at_least=1, usual=LONGEST_DAYS, at_most=LONGEST_DAYS),
        history_days=_days(
            said,
            "history_days",
            at_least=0,
            usual=_USUAL_HISTORY_DAYS,
            at_most=LONGEST_HISTORY_DAYS,
        ),
    )
    if not asked.feeds and not asked.alert_types:
        raise NotAsked("invalid_scope", "scope or alert_types names something")
    return asked


def _matching(said: Mapping[str, str], name: str, form: re.Pattern[str]) -> str:
    text = said.get(name, "")
    if not form.fullmatch(text):
        raise NotAsked("invalid_request", f"{name} is missing, or not of its form")
    return text


def _words(said: Mapping[str, str], name: str, *, error: str) -> tuple[str, ...]:
    words = said.get(name, "").split(" ") if said.get(name) else []
    if not all(_WORD.fullmatch(each) for each in words):
        raise NotAsked(error, f"{name} is words with a space between")
    return tuple(sorted(set(words)))


def _days(said: Mapping[str, str], name: str, *, at_least: int, usual: int, at_most: int) -> int:
    text = said.get(name, str(usual))
    if not _NUMBER.fullmatch(text) or not at_least <= int(text) <= at_most:
        raise NotAsked("invalid_request", f"{name} is a number from {at_least} to {at_most}")
    return int(text)
