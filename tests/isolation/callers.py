"""What everybody who might knock comes with: cookies, tokens, codes, webhooks."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from allauth.account.models import EmailAddress
from allauth.mfa.totp.internal.auth import TOTP
from django.conf import settings
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session
from django.test import Client as Browser
from django.utils import timezone

from accounts.clients.models import AccessToken, Client
from accounts.people.models import Person
from accounts.signin.actions import make_window_code
from accounts.signin.models import WidgetSession, WindowCode
from messaging.delivery.actions import tell_of_grant
from messaging.webhooks.actions import create_endpoint, request_replay, request_test
from messaging.webhooks.models import WebhookDelivery
from messaging.webhooks.references import delivery_reference
from partners.banks.models import Bank, Customer, Staff
from portal.secrets.tokens import digest_of
from portal.tenancy.blocks import serving, serving_customer
from tests.desk import console_browser
from tests.factories.accounts import ALL_FEEDS, make_client
from tests.factories.messaging import CHAT_HOST, open_session_of
from tests.isolation.cast import Home, House, Program

BACK = "https://nightingale-program.example/back"


def make_staff(bank: Bank, role: str, *, second_factor: bool = True, **fields: Any) -> Staff:
    number = uuid4().hex[:8]
    name = f"{bank.slug}-{role}-{number}"
    person = _make_person(f"{name}@staff.example", second_factor=second_factor)
    return Staff.objects.create(bank=bank, person=person, role=role, **fields)


def _make_person(email: str, *, second_factor: bool = True, **fields: Any) -> Person:
    # Without a password, whose hash alone would take longer than all the rest of them.
    person = Person.objects.create_user(email, None, display_name=f"Name of {email}", **fields)
    EmailAddress.objects.create(user=person, email=email, verified=True, primary=True)
    if second_factor:
        TOTP.activate(person, "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP")
    return person


def console_cookie(person: Person) -> str:
    return f"console_session={console_browser(person).cookies['console_session'].value}"


def asks(client: Client, bank: Bank) -> dict[str, str]:
    """What a program sends a customer of the bank with."""
    return {
        "response_type": "code",
        "client_id": client.client_id,
        "redirect_uri": BACK,
        "state": "x",
        "code_challenge": "x" * 43,
        "code_challenge_method": "S256",
        "bank": bank.slug,
        "purpose": "budgeting",
        "scope": "transactions",
        "days": "30",
    }


def window_cookie(bank: Bank, customer: Customer, client: Client | None = None) -> str:
    """Of a window in which the program asks, where one is named."""
    with serving_customer(bank.id, customer.id):
        made = make_window_code(customer_id=customer.id, purpose="sharing", at=timezone.now())
    visitor = Browser(headers={"Host": CHAT_HOST})
    if client is not None:
        assert visitor.get("/oauth/authorize", asks(client, bank)).status_code == 200
    sent = {"Origin": settings.CHAT_ORIGIN}
    entered = visitor.post("/sharing/enter", {"code": made.code}, headers=sent)
    assert entered.status_code == 302
    return f"chat_session={visitor.cookies['chat_session'].value}"


def spent_by(bank: Bank, customer: Customer) -> dict[str, str]:
    """Two tokens, a window's cookie and two codes that were good once."""
    at = timezone.now()
    expired, ended = open_session_of(bank, customer), open_session_of(bank, customer)
    with serving(bank.id):
        for each, fields in (
            (expired, {"expires_at": at - timedelta(seconds=1)}),
            (ended, {"ended_at": at - timedelta(seconds=1)}),
        ):
            WidgetSession.objects.filter(token_digest=digest_of(each.token)).update(**fields)
        used, old = (
            make_window_code(customer_id=customer.id, purpose="sharing", at=at) for _ in range(2)
        )
        WindowCode.objects.filter(pk=used.id).update(used_at=at)
        WindowCode.objects.filter(pk=old.id).update(expires_at=at - timedelta(seconds=1))
    cookie = window_cookie(bank, customer)
    kept = SessionStore(cookie.partition("=")[2])
    kept["customer_window"] |= {"until": int(at.timestamp()) - 1}
    kept.save()
    return {
        "expired": expired.token,
        "ended": ended.token,
        "window": cookie,
        "used_code": used.code,
        "old_code": old.code,
    }


def other_cookies(house: House) -> dict[str, str]:
    people = {
        "operator": _make_person("operator@portal.example", is_operator=True),
        "outsider": _make_person("outsider@elsewhere.example"),
        "left": make_staff(house.bank, Staff.Role.OWNER, is_active=False).person,
        "without_factor": make_staff(house.bank, Staff.Role.OWNER, second_factor=False).person,
    }
    owner = house.staff[Staff.Role.OWNER].person
    cookies = {who: console_cookie(person) for who, person in people.items()}
    return cookies | {"expired": _expired_console_cookie(owner)}


def _expired_console_cookie(person: Person) -> str:
    cookie = console_cookie(person)
    Session.objects.filter(pk=cookie.partition("=")[2]).update(
        expire_date=timezone.now() - timedelta(seconds=1)
    )
    return cookie


def make_program() -> Program:
    client = make_client(
        redirect_uris=BACK, hash_client_secret=False
    )  # hashing it takes longer than all else
    later = timezone.now() + timedelta(minutes=10)
    before = timezone.now() - timedelta(seconds=1)
    return Program(
        client=client,
        token=_token(client, " ".join(ALL_FEEDS), later),
        narrow=_token(client, "balances", later),
        expired=_token(client, " ".join(ALL_FEEDS), before),
    )


def _token(client: Client, scope: str, expires: datetime) -> str:
    text = f"token-{uuid4().hex}"
    row = AccessToken(application=client, scope=scope, expires=expires)
    row.token = text
    row.save()
    return text


def make_hooks(home: Home, program: Program, url: str) -> dict[str, str]:
    """An endpoint of the program's, with something for it under the home's consent."""
    at = timezone.now()
    endpoint, _secret = create_endpoint(
        client_id=program.client.pk, url=url, event_types=[], description="", at=at
    )
    test = request_test(endpoint=endpoint, at=at)
    replay = request_replay(
        endpoint=endpoint, since=at - timedelta(days=1), until=at, which="all", at=at
    )
    with serving(home.bank_id):
        tell_of_grant(home.consent.id, caused_by=uuid4(), at=at, now=at)
        (delivery,) = WebhookDelivery.objects.filter(endpoint=endpoint)
    return {
        "endpoint_id": str(endpoint.id),
        "test_id": str(test.id),
        "replay_id": str(replay.id),
        "delivery": delivery_reference(home.bank_id, delivery.id),
    }
