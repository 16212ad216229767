"""The demonstration: three invented banks, their staff, a program, and customers who have linked.

Everything a customer would do by hand is done through the same doors and actions, with the sandbox
bank approving headless. Safe to run again: what is there stays, and what is missing is made.
"""

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import UUID

import httpx
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.utils import timezone

from accounts.clients.models import Client
from accounts.consent.actions import Resource, grant_consent
from accounts.consent.models import Consent
from accounts.consent.queries import resources_of
from accounts.linking.models import Link
from accounts.people.models import Person
from messaging.notices.addresses import keep_bank_address
from partners.alerts.models import AlertRule, AlertType
from partners.banks.models import Bank, Customer, Staff
from partners.connections.actions import begin_authorisation, come_back, finish_linking
from partners.connections.brought import open_brought
from partners.connections.models import Authorisation
from partners.feeds.models import Feed, FeedKind
from partners.integrations.actions import check_integration
from partners.integrations.models import Integration
from portal.environment import read_environment
from portal.local.demo_statement import drop_statement
from portal.secrets.fields import keep_secret
from portal.tenancy.blocks import serving

FIRST_PORT = 8101
STAFF_PASSWORD = "window-lantern-41"  # noqa: S105  # invented, for this machine alone, and printed
PROGRAM_NAME = "Thrift Garden"
PROGRAM_ID = "thrift-garden"
# Of the first bank: whose payment stands in a statement in other words. Nobody else's numbers change by it.
DOUBTED = 27


@dataclass(frozen=True)
class DemoBank:
    slug: str
    name: str
    country: str
    currency: str
    time_zone: str
    locale: str
    phone: str
    shares: bool
    large_payment_minor: int
    low_balance_minor: int

    @property
    def port(self) -> int:
        first = int(read_environment().get("SANDBOX_PORT") or FIRST_PORT)
        return first + [each.slug for each in BANKS].index(self.slug)

    @property
    def origin(self) -> str:
        return f"http://{self.slug}-bank.localhost:{self.port}"


BANKS = (
    DemoBank(
        slug="aurelia",
        name="Banca Aurelia",
        country="IT",
        currency="EUR",
        time_zone="Europe/Rome",
        locale="en",
        phone="+39 06 5550 0142",
        shares=True,
        large_payment_minor=500_00,
        low_balance_minor=100_00,
    ),
    DemoBank(
        slug="northmoor",
        name="Northmoor Bank",
        country="GB",
        currency="GBP",
        time_zone="Europe/London",
        locale="en",
        phone="+44 1632 960 142",
        shares=True,
        large_payment_minor=400_00,
        low_balance_minor=100_00,
    ),
    DemoBank(
        slug="quillon",
        name="Quillon Privatbank",
        country="CH",
        currency="CHF",
        time_zone="Europe/Zurich",
        locale="en",
        phone="+41 44 555 01 42",
        shares=False,
        large_payment_minor=1000_00,
        low_balance_minor=500_00,
    ),
)
STAFF = (
    ("owner", "Olivia Marchetti", Staff.Role.OWNER),
    ("compliance", "Tomas Lindqvist", Staff.Role.COMPLIANCE),
    ("agent", "Amina Duarte", Staff.Role.AGENT),
)


def sandbox(bank: DemoBank) -> httpx.Client:
    """A client of the bank's control interface; Python does not resolve *.localhost by itself."""
    return httpx.Client(
        base_url=f"http://127.0.0.1:{bank.port}",
        headers={"Host": urlsplit(bank.origin).netloc},
        timeout=20,
    )


def seed(*, at: datetime) -> dict[str, Any]:
    """Make what is missing; what the ready message shows, without the program's secret twice."""
    shown: dict[str, Any] = {"sign_ins": [], "curl": [], "customers": {}}
    operator = ensure_person("operator@portal.example", "Ines Okafor", operator=True)
    shown["sign_ins"].append(_sign_in("Platform operator", operator, settings.CONSOLE_ORIGIN))
    program, secret = ensure_program()
    for each in BANKS:
        shown["sign_ins"] += seed_bank(each, at=at)
        with sandbox(each) as bank_itself:
            everybody = (
                bank_itself.get("/_control/customers").raise_for_status().json()["customers"]
            )
        shown["customers"][each.slug] = [
            {key: person[key] for key in ("id", "login", "password", "name", "email")}
            for person in everybody[:3]
        ]
        shown["sign_ins"] += [
            _customer_sign_in(each, person, linked=each.shares and place == 0)
            for place, person in enumerate(everybody[:2])
        ]
        if each.shares:
            link_customer(each, everybody[0], at=at)
            shown["curl"] = shown["curl"] or curl_lines(
                allow_program(each, everybody[0], program, at=at), secret
            )
        if each is BANKS[0]:
            leave_a_doubt(each, everybody[DOUBTED:], at=at)
    return shown


def ensure_person(email: str, name: str, *, operator: bool = False) -> Person:
    """A person with the demonstration's password, a confirmed address and a second factor."""
    person = Person.objects.filter(email=email).first()
    if person is None:
        person = Person.objects.create_user(
            email, STAFF_PASSWORD, display_name=name, is_operator=operator
        )
    person.emailaddress_set.get_or_create(  # type: ignore[attr-defined]  # allauth's reverse name
        email=email, defaults={"verified": True, "primary": True}
    )
    if not Authenticator.objects.filter(user=person, type=Authenticator.Type.TOTP).exists():
        TOTP.activate(person, totp_secret(email))
    return person


def totp_secret(email: str) -> str:
    """The demonstration's second factor: the same on every start, so that an app keeps working."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return "".join(
        letters[(ord(each) * 7 + place) % 32]
        for place, each in enumerate(email.ljust(32, "x")[:32])
    )


def ensure_program() -> tuple[Client, str]:
    """A third party's program that registered to read balances and transactions, and its secret."""
    program = Client.objects.filter(client_id=PROGRAM_ID).first()
    secret = program_secret()
    if program is None or not secret:
        secret = os.urandom(24).hex()
        program = program or Client(client_id=PROGRAM_ID)
        program.client_secret = secret
    program.name = PROGRAM_NAME
    program.redirect_uris = program_address()
    program.client_type = Client.CLIENT_CONFIDENTIAL
    program.authorization_grant_type = Client.GRANT_CLIENT_CREDENTIALS
    program.feeds = [FeedKind.BALANCES, FeedKind.TRANSACTIONS]
    program.website = "https://thrift-garden.example"
    program.save()
    return program, secret


def program_address() -> str:
    """Where the program's customers are sent back to."""
    return f"{settings.PORTAL_ORIGIN}/start/program/back"


def program_secret() -> str:
    """The program's secret, as it stands in the lines that were left to be pasted; empty before that."""
    left = settings.PORTAL_STATE / "demo.json"
    lines = json.loads(left.read_text()).get("curl", []) if left.exists() else []
    found = re.search(rf"-u {PROGRAM_ID}:(\w+) ", lines[0]) if lines else None
    return found[1] if found else ""


def seed_bank(each: DemoBank, *, at: datetime) -> list[dict[str, str]]:
    """The bank, its integration, its choices and its staff; the staff's sign-ins."""
    bank, _made = Bank.objects.update_or_create(
        slug=each.slug,
        defaults={
            "name": each.name,
            "country": each.country,
            "currency": each.currency,
            "time_zone": each.time_zone,
            "locale": each.locale,
            "phone": each.phone,
            "website": each.origin,
            "chat_page": f"{each.origin}/accounts",
            # The start page frames the bank's phone page, which frames the chat.
            "frame_origins": [each.origin, settings.PORTAL_ORIGIN],
            "issuer": each.origin,
            "jwks_url": f"{each.origin}/.well-known/jwks.json",
        },
    )
    with sandbox(each) as bank_itself:
        keys = bank_itself.get("/.well-known/jwks.json").raise_for_status().json()
    Bank.objects.filter(pk=bank.pk).update(jwks=keys, jwks_fetched_at=at)
    with serving(bank.id):
        _ensure_integration(each)
        _ensure_choices(each)
    check_integration(bank_id=bank.id, mode="test", clock=timezone.now)
    shown = []
    for login, name, role in STAFF:
        person = ensure_person(f"{login}@{each.slug}-bank.example", name)
        Staff.objects.get_or_create(bank=bank, person=person, defaults={"role": role})
        shown.append(
            _sign_in(
                f"{each.name}, {Staff.Role(role).label}",
                person,
                settings.CONSOLE_ORIGIN,
                bank=each.slug,
            )
        )
    return shown


def _ensure_integration(each: DemoBank) -> None:
    integration = Integration.objects.filter(mode="test").first() or Integration(mode="test")
    integration.base_url = each.origin
    integration.authorize_url = f"{each.origin}/as/authorize"
    integration.token_url = f"{each.origin}/as/token"
    integration.client_id = "portal"
    # Left as it is where nothing is said: the demonstration is seeded more than once.
    integration.connector = (
        read_environment().get("PORTAL_DEMO_CONNECTOR") or integration.connector
    )
    keep_secret(
        integration,
        "client_secret",
        read_environment()[f"SANDBOX_{each.slug.upper()}_CLIENT_SECRET"],
    )
    integration.save()


def _ensure_choices(each: DemoBank) -> None:
    if Feed.objects.exists():
        return
    for kind in FeedKind:
        Feed.objects.create(kind=kind, enabled=each.shares)
    parameters: Mapping[str, dict[str, Any]] = {
        AlertType.LARGE_PAYMENT: {
            "threshold_minor": each.large_payment_minor,
            "currency": each.currency,
        },
        AlertType.LOW_BALANCE: {
            "threshold_minor": each.low_balance_minor,
            "currency": each.currency,
        },
    }
    for alert_type in AlertType:
        AlertRule.objects.create(
            alert_type=alert_type, enabled=each.shares, parameters=parameters.get(alert_type, {})
        )


def link_customer(each: DemoBank, person: Mapping[str, Any], *, at: datetime) -> None:
    """What the customer would do in the window: approve at the bank, come back, allow it all."""
    bank = Bank.objects.get(slug=each.slug)
    with serving(bank.id):
        customer, _made = Customer.objects.get_or_create(
            external_id=person["id"],
            defaults={"display_name": person["name"], "locale": each.locale},
        )
        keep_bank_address(customer_id=customer.id, said=person["email"], at=at)
        if Link.objects.filter(customer_id=customer.id, ended_at=None).exists():
            return
    url = begin_authorisation(bank_id=bank.id, customer_id=customer.id, at=at)
    asked = {key: values[-1] for key, values in parse_qs(urlsplit(url).query).items()}
    approval = {
        "consent_id": asked.get("openbanking_intent_id")
        or asked.get("link_token")
        or asked["scope"].removeprefix("AIS:"),
        "login": person["login"],
        "all": True,
        "redirect_uri": asked["redirect_uri"],
        "code_challenge": asked["code_challenge"],
        "state": asked["state"],
    }
    with sandbox(each) as bank_itself:
        answer = bank_itself.post("/_control/approve", json=approval).raise_for_status().json()
    back = come_back(bank_id=bank.id, state=asked["state"], code=answer["code"], at=at)
    with serving(bank.id):
        allowed = open_brought(Authorisation.objects.get(pk=back.walk_id)).external_ids
    choice = {
        "feeds": [each.value for each in FeedKind],
        "alert_types": [each.value for each in AlertType],
        "days": 180,
    }
    finish_linking(
        bank_id=bank.id,
        customer_id=customer.id,
        walk_id=back.walk_id,
        picked=allowed,
        choice=choice,
        at=at,
    )


def leave_a_doubt(each: DemoBank, people: Sequence[Mapping[str, Any]], *, at: datetime) -> None:
    """One more customer who has linked, and a payment of theirs that staff are to review; none where they are not wanted."""
    if not people or read_environment().get("PORTAL_DEMO_REVIEW") == "no":
        return
    link_customer(each, people[0], at=at)
    account = next(one for one in people[0]["accounts"] if one["kind"] == "current")
    with sandbox(each) as bank_itself:
        drop_statement(Bank.objects.get(slug=each.slug), bank_itself, account, at=at)


def allow_program(
    each: DemoBank, person: Mapping[str, Any], program: Client, *, at: datetime
) -> Consent:
    """The customer's consent to the program: balances and transactions of all that is linked by now."""
    bank = Bank.objects.get(slug=each.slug)
    with serving(bank.id):
        customer = Customer.objects.get(external_id=person["id"])
        found = Consent.objects.filter(
            customer_id=customer.id, client_id=program.pk, ended_at=None, expires_at__gt=at
        ).first()
        links = Link.objects.filter(customer_id=customer.id, ended_at=None)
        if found is not None and _covers(found, links):
            return found
        return grant_consent(
            customer_id=customer.id,
            recipient=Consent.Recipient.CLIENT,
            client_id=program.pk,
            purpose_code="budgeting",
            locale=each.locale,
            expires_at=at + timedelta(days=90),
            history_from=(at - timedelta(days=90)).date(),
            resources=[
                Resource(account_id=link.account_id, scope=scope, code=code)
                for link in links
                for scope, codes in (("feed", program.feeds), ("alert", AlertType.values))
                for code in codes
            ],
            at=at,
            by="customer",
        )


def _covers(consent: Consent, links: Iterable[Link]) -> bool:
    named = {each.account_id for each in resources_of([consent.id])}
    return all(each.account_id in named for each in links)


def curl_lines(consent: Consent, secret: str) -> list[str]:
    """Three lines that work when pasted, in this order."""
    reference = f"con_{UUID(str(consent.bank_id)).hex}_{consent.id.hex}"
    api = settings.API_ORIGIN
    ask = f'curl -s -H "Authorization: Bearer $TOKEN" -H "Portal-Consent: {reference}"'
    return [
        f"TOKEN=$(curl -s -u {PROGRAM_ID}:{secret} -d grant_type=client_credentials"
        f' {api}/oauth/token | sed \'s/.*"access_token": *"\\([^"]*\\)".*/\\1/\')',
        f"{ask} {api}/api/v1/accounts",
        f"{ask} '{api}/api/v1/transactions/sync?limit=20'",
    ]


def _sign_in(title: str, person: Person, url: str, *, bank: str = "") -> dict[str, str]:
    return {
        "bank": bank,
        "title": title,
        "who": person.display_name,
        "url": url,
        "login": person.email,
        "password": STAFF_PASSWORD,
        "note": f"one-time codes from {totp_secret(person.email)}",
    }


def _customer_sign_in(
    each: DemoBank, person: Mapping[str, Any], *, linked: bool
) -> dict[str, str]:
    return {
        "bank": each.slug,
        "title": f"{each.name}, customer",
        "who": person["name"],
        "url": each.origin,
        "login": person["login"],
        "password": person["password"],
        "note": "has linked their accounts" if linked else "has linked nothing yet",
    }


def write_demo(shown: dict[str, Any], state: Path) -> None:
    """Leave it for the ready message and the start page, readable by us alone."""
    path = state / "demo.json"
    path.touch(mode=0o600)
    path.write_text(json.dumps(shown, indent=1))
