"""A visit to one bank: whom we are to it, what was found so far, and how it is asked."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from http import HTTPStatus
from typing import TypeVar
from zoneinfo import ZoneInfo

from partners.certification.hands import Hands
from partners.certification.listener import Listener
from partners.certification.meanings import meaning_of
from partners.certification.wire import Found, Wire, not_json, redirected
from partners.connectors.base import (
    AccountRecord,
    BankAddress,
    Connector,
    ConnectorFailure,
    Grant,
    Request,
    Response,
    Steps,
    TokenSet,
    TransactionRecord,
    drive,
)
from partners.connectors.catalogue import CONNECTORS

T = TypeVar("T")
LONGEST_WAIT = timedelta(seconds=60)
_JSON = "application/json"


class PassedOver(Exception):
    """The check cannot be made here and now; says why."""


class OfAnotherProtocol(PassedOver):
    """A question that other protocols have, and this bank's has not or is not asked here."""

    def __init__(self) -> None:
        super().__init__("the protocol that this bank speaks has no such question")


# What a bank may speak, by the word of the command line: the connector, and its name for people.
PROTOCOLS: Mapping[str, tuple[str, str]] = {
    "v4.0": ("uk_open_banking", "UK Open Banking v4.0"),
    "v3.1": ("uk_open_banking_3_1", "UK Open Banking v3.1"),
    "berlin_group": ("berlin_group", "Berlin Group NextGenPSD2 1.3"),
    "cursor_sync": ("cursor_sync", "Cursor sync"),
}


@dataclass(frozen=True)
class Target:
    """What the engineer told us of the bank. What is empty is found out, or the usual is taken."""

    base_url: str
    api: str
    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    zone: ZoneInfo
    authorize_url: str = ""
    token_url: str = ""
    jwks_url: str = ""
    issuer: str = ""
    burst: int = 0
    patience: float = 20.0

    def at(self, found: Mapping[str, str]) -> BankAddress:
        """Where everything is: as told, else as the bank's own document says, else the usual places."""
        base = self.base_url.rstrip("/")
        return BankAddress(
            base_url=base,
            authorize_url=self.authorize_url
            or found.get("authorization_endpoint", f"{base}/as/authorize"),
            token_url=self.token_url or found.get("token_endpoint", f"{base}/as/token"),
            client_id=self.client_id,
            client_secret=self.client_secret,
            redirect_uri=self.redirect_uri,
            jwks_url=self.jwks_url or found.get("jwks_uri", f"{base}/.well-known/jwks.json"),
            zone=self.zone,
            issuer=self.issuer or found.get("issuer", ""),
        )


@dataclass
class Visit:
    """Everything that checks share. What one finds, the next ones need."""

    target: Target
    wire: Wire
    hands: Hands
    listener: Listener | None
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep
    discovered: dict[str, str] = field(default_factory=dict)
    jwks: Mapping[str, object] = field(default_factory=dict)
    consent_id: str = ""
    consent_ended: bool = False
    verifier: str = ""
    code: str = ""
    tokens: TokenSet | None = None
    accounts: tuple[AccountRecord, ...] = ()
    listed: dict[str, tuple[TransactionRecord, ...]] = field(default_factory=dict)
    bought: TransactionRecord | None = None
    suspected: TransactionRecord | None = None
    bought_on: str = ""
    suspected_on: str = ""
    frozen_by: str = ""
    decided_by: str = ""
    limited: list[tuple[Response, bool]] = field(default_factory=list)
    told: str = ""

    @property
    def address(self) -> BankAddress:
        return self.target.at(self.discovered)

    @property
    def connector(self) -> Connector:
        return self.connector_at(self.address)

    def connector_at(self, address: BankAddress) -> Connector:
        return CONNECTORS[PROTOCOLS[self.target.api][0]](address)

    @property
    def protocol(self) -> str:
        """The name of what the bank speaks."""
        return PROTOCOLS[self.target.api][1]

    @property
    def token(self) -> str:
        if self.tokens is None:
            raise PassedOver("no customer has authorised us")
        return self.tokens.access_token

    @property
    def grant(self) -> Grant:
        return Grant(self.token, self.consent_id)

    def need_uk(self) -> None:
        """Raises OfAnotherProtocol where the bank speaks no version of UK Open Banking."""
        if not self.target.api.startswith("v"):
            raise OfAnotherProtocol

    def need_days(self) -> None:
        """Raises OfAnotherProtocol where rows cannot be asked for by their days."""
        if self.target.api == "cursor_sync":
            raise OfAnotherProtocol

    @property
    def api(self) -> str:
        """Below which UK Open Banking lies. Raises OfAnotherProtocol where the bank speaks another."""
        self.need_uk()
        return f"{self.address.base_url}/open-banking/{self.target.api}/aisp"

    @property
    def partner(self) -> str:
        return f"{self.address.base_url}/partner/v1"

    # Asking

    def send(self, request: Request) -> Response:
        """One request; a bank that says "too often" is asked once more, when it says so."""
        response = self.wire.send(request)
        if response.status != HTTPStatus.TOO_MANY_REQUESTS:
            return response
        wait = _wait_of(response)
        if wait is None or wait > LONGEST_WAIT:
            self.limited.append((response, False))
            return response
        self.say(f"The bank asks us to wait {wait.total_seconds():g} s")
        self.sleep(wait.total_seconds())
        again = self.wire.send(request)
        self.limited.append((response, again.status != HTTPStatus.TOO_MANY_REQUESTS))
        return again

    def get(self, url: str, token: str | None = None, **headers: str) -> Response:
        """A question of our own, which the connector would not ask."""
        credentials = {} if token is None else {"Authorization": f"Bearer {token}"}
        return self.send(Request("GET", url, {"Accept": _JSON, **credentials, **headers}))

    def ask(self, steps: Steps[T]) -> T:
        """An operation of the connector, read as the portal reads it; raises Found."""
        try:
            return drive(steps, self._answered)
        except ConnectorFailure as failure:
            raise self.found(failure) from failure

    def found(self, failure: ConnectorFailure) -> Found:
        """What ends a check whose question failed in this way."""
        last = self.wire.raw[-1][1] if self.wire.raw else None
        return Found(meaning_of(failure, last))

    def attempt(self, steps: Steps[T]) -> T:
        """The same, but what the connector made of a refusal is the caller's to judge."""
        return drive(steps, self._answered)

    def _answered(self, request: Request) -> Response:
        response = self.send(request)
        wrong = redirected(response)
        if wrong is None and response.status == HTTPStatus.OK:
            wrong = not_json(response)
        if wrong is not None:
            raise Found(wrong)
        return response


def _wait_of(response: Response) -> timedelta | None:
    written = response.header("retry-after").strip()
    return timedelta(seconds=int(written[:6])) if written.isascii() and written.isdigit() else None


def today(zone: ZoneInfo) -> date:
    return datetime.now(zone).date()


def now() -> datetime:
    return datetime.now(UTC)


def until(seconds: float, *, every: float, sleep: Callable[[float], None]) -> Iterator[float]:
    """Times to look again, until so many seconds are over; gives how long it has been."""
    begun = time.monotonic()
    while (waited := time.monotonic() - begun) < seconds:
        yield waited
        sleep(every)
