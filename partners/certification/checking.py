"""A bank checked from one end to the other: who stands for its customer, which door is open, what is written."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from partners.certification.hands import Hands, LeverHands, NoHands, PersonHands
from partners.certification.levers import Levers, NoLever
from partners.certification.listener import RETURN_PATH, Listener, listening
from partners.certification.page import render_page
from partners.certification.report import Report
from partners.certification.text import Terminal
from partners.certification.visit import Target, Visit
from partners.certification.walk import walk
from partners.certification.wire import Wire

OWN_CLIENT = "check-bank"
_NEAR = ("127.0.0.1", "::1", "localhost")


class CannotCheck(Exception):
    """What was asked for does not fit together; says what to do."""


@dataclass(frozen=True)
class Wishes:
    """What was asked for on the command line."""

    url: str
    api: str = "v4.0"
    zone: str = "Europe/London"
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    redirect_uri: str = ""
    authorize_url: str = ""
    token_url: str = ""
    jwks_url: str = ""
    issuer: str = ""
    listen: str = "127.0.0.1:8765"
    events: bool = False
    levers: bool = False
    login: str = ""
    timeout: float = 10.0
    patience: float = 20.0
    wait: float = 300.0
    burst: int = 0
    ca_file: str = ""
    only: Sequence[str] = ()
    skip: Sequence[str] = ()


def check_bank(
    wishes: Wishes, terminal: Terminal, question: Callable[[str], str] | None
) -> Report:
    """Walk through the book of checks. `question` asks the person at the terminal, if there is one."""
    with _ready(wishes, terminal, question) as visit:
        terminal.head(visit.target.base_url, visit.protocol)
        report = walk(
            visit,
            begin=terminal.begin,
            heard=terminal.heard,
            only=wishes.only,
            skip=wishes.skip,
        )
    terminal.conclude(report)
    return report


def write_json(report: Report, path: Path) -> None:
    text = json.dumps(report.as_json(), indent=2, ensure_ascii=False)
    path.write_text(f"{text}\n", encoding="utf-8")


def write_page(report: Report, path: Path) -> None:
    path.write_text(render_page(report), encoding="utf-8")


@contextmanager
def _ready(
    wishes: Wishes, terminal: Terminal, question: Callable[[str], str] | None
) -> Iterator[Visit]:
    with ExitStack() as stack:
        listener = _listener(wishes, stack, someone=question is not None)
        target = _target(wishes, listener)
        hands: Hands = NoHands()
        if wishes.levers:
            hands, target = _with_levers(wishes, target, listener)
        elif question is not None:
            returns_here = listener and target.redirect_uri == listener.return_url
            hands = PersonHands(
                listener if returns_here else None, terminal.say, question, wishes.wait
            )
        wire = Wire(wishes.timeout, Path(wishes.ca_file) if wishes.ca_file else None)
        stack.callback(wire.close)
        hears = listener if wishes.events or wishes.levers else None
        yield Visit(target, wire, hands, hears, terminal.say)


def _listener(wishes: Wishes, stack: ExitStack, *, someone: bool) -> Listener | None:
    if not (someone or wishes.levers or wishes.events):
        return None
    host, _colon, port = wishes.listen.rpartition(":")
    if host not in _NEAR or not port.isdecimal():
        raise CannotCheck("--listen is an address of this machine with a port, as 127.0.0.1:8765.")
    try:
        # Levers tell the bank where we are, so any port does.
        return stack.enter_context(listening(host, 0 if wishes.levers else int(port)))
    except (OSError, OverflowError):
        raise CannotCheck(
            f"{wishes.listen} cannot be listened on: choose another with --listen."
        ) from None


def _target(wishes: Wishes, listener: Listener | None) -> Target:
    parts = urlsplit(wishes.url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise CannotCheck("The bank's address is a full one, such as https://api.bank.example.")
    if not wishes.levers and not (wishes.client_id and wishes.client_secret):
        raise CannotCheck(
            "Say who we are to the bank: --client-id, and its secret in CHECK_BANK_CLIENT_SECRET or in a "
            "file with --client-secret-file. (A test bank with levers needs neither: --levers.)"
        )
    return Target(
        base_url=wishes.url.rstrip("/"),
        api=wishes.api,
        client_id=wishes.client_id,
        client_secret=wishes.client_secret,
        redirect_uri=wishes.redirect_uri or _return_url(wishes, listener),
        zone=ZoneInfo(wishes.zone),
        authorize_url=wishes.authorize_url,
        token_url=wishes.token_url,
        jwks_url=wishes.jwks_url,
        issuer=wishes.issuer,
        burst=wishes.burst,
        patience=wishes.patience,
    )


def _return_url(wishes: Wishes, listener: Listener | None) -> str:
    return listener.return_url if listener else f"http://{wishes.listen}{RETURN_PATH}"


def _with_levers(
    wishes: Wishes, target: Target, listener: Listener | None
) -> tuple[Hands, Target]:
    """Make ourselves known to a test bank, and take a customer of its."""
    levers = Levers(target.base_url)
    client_id = wishes.client_id or OWN_CLIENT
    secret = wishes.client_secret or secrets.token_urlsafe(24)
    known = {
        "client_id": client_id,
        "client_secret": secret,
        "redirect_uris": [target.redirect_uri],
    }
    if listener is not None:
        known["notify_url"] = listener.events_url
    try:
        levers.pull("PUT", "clients", **known)
        login = wishes.login or _first_login(levers)
    except NoLever as none:
        raise CannotCheck(
            f"The levers of a test bank are not there: {none}. Without --levers you act as its customer "
            "yourself."
        ) from None
    named = Target(**{**vars(target), "client_id": client_id, "client_secret": secret})
    return LeverHands(levers, login), named


def _first_login(levers: Levers) -> str:
    people = levers.pull("GET", "customers").get("customers")
    if isinstance(people, list) and people and isinstance(people[0], dict):
        return str(people[0].get("login", ""))
    raise NoLever("the lever customers names nobody")
