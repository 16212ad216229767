"""A running sandbox bank with somebody on the wire to it, whatever it is spoken to in."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

from partners.connectors.base import BankAddress, Connector, ConsentTerms, TokenSet
from partners.integrations.runner import close_connections, run
from tests.contracts.between import Between, standing_between
from tests.ports import free_port
from tests.sandbox_bank import CLIENT, SECRET, SandboxBank, sandbox_bank

REDIRECT = "http://chat.portal.localhost:8000/link/callback"
VERIFIER = "v" * 64


@dataclass(frozen=True)
class OnTheWire:
    """The bank, what passes to it, and its address as the portal would have it."""

    bank: SandboxBank
    wire: Between
    address: BankAddress

    @property
    def login(self) -> str:
        """Its first customer's."""
        return str(self.bank.customers()[0]["login"])


@contextmanager
def bank_on_the_wire(name: str, log: Path) -> Iterator[OnTheWire]:
    """A bank in a database of that name, until the end."""
    port = free_port()
    told = {"SANDBOX_CUSTOMERS": "2", "SANDBOX_REDIRECT_URI": REDIRECT}
    with standing_between(f"127.0.0.1:{port}") as wire:
        # The bank's own name for itself leads past us, so that its links do too.
        origin = wire.origin.replace("127.0.0.1", "aurelia-bank.localhost")
        with sandbox_bank(
            port=port, name=f"{name}_{port}", log=log, SANDBOX_ORIGIN=origin, **told
        ) as bank:
            address = BankAddress(
                base_url=origin,
                authorize_url=f"{origin}/as/authorize",
                token_url=f"{origin}/as/token",
                client_id=CLIENT,
                client_secret=SECRET,
                redirect_uri=REDIRECT,
                jwks_url=f"{origin}/.well-known/jwks.json",
                zone=ZoneInfo("Europe/Rome"),
            )
            yield OnTheWire(bank, wire, address)
    close_connections()


def said_yes(
    connector: Connector, met: OnTheWire, terms: ConsentTerms, *, customer_ip: str = ""
) -> tuple[str, str]:
    """A new consent's id, and the one-time code of the customer's yes to all accounts."""
    begun = run(
        connector.begin_authorisation(
            terms=terms, state="s", nonce="n", code_verifier=VERIFIER, customer_ip=customer_ip
        )
    )
    asked = parse_qs(urlsplit(begun.url).query)
    approved = met.bank.do(
        "POST",
        "approve",
        consent_id=begun.bank_consent_id,
        login=met.login,
        all=True,
        redirect_uri=asked["redirect_uri"][0],
        code_challenge=asked["code_challenge"][0],
    )
    return begun.bank_consent_id, str(approved["code"])


def tokens_of(connector: Connector, code: str) -> TokenSet:
    return run(connector.exchange(code=code, code_verifier=VERIFIER, at=datetime.now(UTC)))
