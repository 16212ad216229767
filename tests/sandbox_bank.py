"""A real sandbox bank in a process and database of its own, and a customer who walks to it."""

import os
import subprocess
import sys
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
from django.conf import settings
from django.utils import timezone

from partners.alerts.models import AlertRule, AlertType
from partners.banks.models import Bank, Customer
from partners.connections.actions import begin_authorisation, come_back, finish_linking
from partners.connections.brought import open_brought
from partners.connections.linking import Completed
from partners.connections.models import Authorisation
from partners.feeds.models import Feed
from partners.integrations.actions import configure_integration
from portal.tenancy.blocks import serving
from tests.factories.partners import make_bank, make_customer
from tests.settings import SERVERS

REPOSITORY = Path(__file__).resolve().parents[1]
CLIENT, SECRET = "portal", "a-secret-for-tests"
STARTS_WITHIN_SECONDS = 60


@dataclass(frozen=True)
class SandboxBank:
    """The bank's own side: what it shows to whoever stands behind its counter."""

    port: int
    control: httpx.Client

    @property
    def origin(self) -> str:
        return f"http://aurelia-bank.localhost:{self.port}"

    def do(self, method: str, path: str, **body: Any) -> Any:
        answer = self.control.request(method, f"/_control/{path}", json=body or None)
        answer.raise_for_status()
        return answer.json()

    def customers(self) -> list[dict[str, Any]]:
        return list(self.do("GET", "customers")["customers"])

    def be(self, **faults: Any) -> None:
        """Misbehave in these ways alone; none: be a good bank."""
        self.control.put("/_control/faults", json=faults).raise_for_status()

    def buy(self, login: str, **order: Any) -> dict[str, Any]:
        return dict(self.do("POST", f"customers/{login}/buy", **order))


@contextmanager
def sandbox_bank(*, port: int, name: str, log: Path, **environ: str) -> Iterator[SandboxBank]:
    """Banca Aurelia with three customers and a year of history, until the block ends."""
    told = {
        "SANDBOX_SLUG": "aurelia",
        "SANDBOX_PORT": str(port),
        "SANDBOX_DATABASE_URL": SERVERS.make_database(f"sandbox_{name}").owner,
        "SANDBOX_SEED": "7",
        "SANDBOX_CUSTOMERS": "3",
        "SANDBOX_BOOK_AFTER_SECONDS": "86400",
        "SANDBOX_RECEIPT_AFTER_SECONDS": "86400",
        "SANDBOX_PARCEL_STEP_SECONDS": "86400",
        "SANDBOX_CLIENT_ID": CLIENT,
        "SANDBOX_CLIENT_SECRET": SECRET,
        "SANDBOX_REDIRECT_URI": f"{settings.CHAT_ORIGIN}/link/callback",
    }
    with log.open("wb") as out:
        program = subprocess.Popen(
            [sys.executable, "-m", "partners.sandbox"],
            cwd=REPOSITORY,
            env={**os.environ, **told, **environ},
            stdout=out,
            stderr=out,
        )
    host = f"aurelia-bank.localhost:{port}"
    with httpx.Client(
        base_url=f"http://127.0.0.1:{port}", headers={"Host": host}, timeout=20, trust_env=False
    ) as control:
        try:
            _wait_for(control, program)
            yield SandboxBank(port, control)
        finally:
            program.terminate()
            program.wait(timeout=20)


def _wait_for(control: httpx.Client, program: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + STARTS_WITHIN_SECONDS
    while time.monotonic() < deadline:
        if program.poll() is not None:
            raise RuntimeError("the sandbox bank did not start")
        try:
            if control.get("/_control/health").is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError("the sandbox bank did not answer in time")


def know_bank(
    sandbox: SandboxBank,
    *,
    shares: bool = True,
    feeds: Sequence[str] = ("balances", "transactions"),
) -> Bank:
    """The portal's own side of that bank: registry, integration, feeds, and every alert type on."""
    bank = make_bank(
        slug="aurelia",
        issuer=sandbox.origin,
        jwks_url=f"{sandbox.origin}/.well-known/jwks.json",
        website=sandbox.origin,
    )
    with serving(bank.id):
        connect(sandbox)
        for kind in feeds:
            Feed.objects.create(kind=kind, enabled=shares)
        threshold = {"threshold_minor": 50_000, "currency": bank.currency}
        for alert_type in AlertType.values:
            AlertRule.objects.create(alert_type=alert_type, enabled=True, parameters=threshold)
    return bank


def connect(sandbox: SandboxBank) -> None:
    """Say in the open block how to reach that bank."""
    configure_integration(
        mode="test",
        base_url=sandbox.origin,
        authorize_url=f"{sandbox.origin}/as/authorize",
        token_url=f"{sandbox.origin}/as/token",
        client_id=CLIENT,
        client_secret=SECRET,
    )


def know_customer(bank: Bank, person: Mapping[str, Any]) -> Customer:
    return make_customer(bank, external_id=person["id"], display_name=person["name"])


EVERYTHING = {
    "feeds": ["balances", "transactions"],
    "alert_types": list(AlertType.values),
    "days": 90,
}


def walk_to_bank(
    sandbox: SandboxBank,
    customer: Customer,
    login: str,
    *,
    accounts: list[str] | None = None,
    at: datetime | None = None,
) -> tuple[str, str]:
    """Go to the bank, say yes there: the state and the code to come back with."""
    url = begin_authorisation(
        bank_id=customer.bank_id,
        customer_id=customer.id,
        at=at or timezone.now(),
    )
    asked = {key: values[-1] for key, values in parse_qs(urlsplit(url).query).items()}
    approval = {
        "consent_id": asked.get("openbanking_intent_id")
        or asked.get("link_token")
        or asked["scope"].removeprefix("AIS:"),
        "login": login,
        "redirect_uri": asked["redirect_uri"],
        "code_challenge": asked["code_challenge"],
        **({"account_ids": accounts} if accounts else {"all": True}),
    }
    return asked["state"], sandbox.do("POST", "approve", **approval)["code"]


def link(
    sandbox: SandboxBank,
    customer: Customer,
    login: str,
    *,
    choice: Mapping[str, Any] = EVERYTHING,
    picked: Collection[str] | None = None,
    **options: Any,
) -> Completed:
    """The whole walk, there and back, and a yes to what is chosen of the accounts that are picked, or of all."""
    state, code = walk_to_bank(sandbox, customer, login, **options)
    back = come_back(bank_id=customer.bank_id, state=state, code=code, at=timezone.now())
    if back.completed is not None:
        return back.completed
    return choose(customer, back.walk_id, choice=choice, picked=picked)


def link_and_leave_the_old_consent(sandbox: SandboxBank, customer: Customer, login: str) -> None:
    """Link once more, where the bank cannot be told to end what that replaces."""
    state, code = walk_to_bank(sandbox, customer, login)
    back = come_back(bank_id=customer.bank_id, state=state, code=code, at=timezone.now())
    sandbox.be(down=True)
    choose(customer, back.walk_id)
    sandbox.be()


def choose(
    customer: Customer,
    walk_id: UUID,
    *,
    choice: Mapping[str, Any] = EVERYTHING,
    picked: Collection[str] | None = None,
) -> Completed:
    """The yes to a walk that is back from the bank."""
    if picked is None:
        with serving(customer.bank_id):
            picked = open_brought(Authorisation.objects.get(pk=walk_id)).external_ids
    return finish_linking(
        bank_id=customer.bank_id,
        customer_id=customer.id,
        walk_id=walk_id,
        picked=picked,
        choice=choice,
        at=timezone.now(),
    )
