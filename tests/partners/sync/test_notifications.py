"""The door at which a bank says that something changed: believed when signed, kept once."""

import re
import time
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.test import Client
from django.utils import timezone

from partners.banks.models import Bank
from partners.feeds.models import FeedCursor
from partners.integrations.actions import configure_integration
from partners.ledger.models import Account
from partners.sync.models import Notification
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_connection
from tests.factories.partners import make_account, make_bank, make_customer

pytestmark = pytest.mark.django_db

ORIGIN = "https://bank.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
STRANGER = rsa.generate_private_key(public_exponent=65537, key_size=2048)
UPDATE = "urn:uk:org:openbanking:events:resource-update"
RESOURCE = "http://openbanking.org.uk/rid"
KIND = "http://openbanking.org.uk/rty"


def public_jwk() -> dict[str, Any]:
    return dict(jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)) | {
        "kid": "k1",
        "use": "sig",
        "alg": "PS256",
    }


@pytest.fixture
def bank() -> Bank:
    bank = make_bank(issuer=ORIGIN, jwks={"keys": [public_jwk()]}, jwks_fetched_at=timezone.now())
    with serving(bank.id):
        configure_integration(
            mode="test",
            base_url=ORIGIN,
            authorize_url=f"{ORIGIN}/as/authorize",
            token_url=f"{ORIGIN}/as/token",
            client_id="portal",
            client_secret="a-secret",
        )
    return bank


@pytest.fixture
def account(bank: Bank) -> Account:
    account = make_account(bank, external_id="acc-1")
    customer = make_customer(bank)
    with serving(bank.id):
        connection = make_connection(customer)
        FeedCursor.objects.create(
            connection=connection,
            account=account,
            kind="transactions",
            due_at=timezone.now() + timedelta(hours=1),
        )
    return account


def claims(**changed: Any) -> dict[str, Any]:
    now = int(time.time())
    subject = {
        "subject_type": "http://openbanking.org.uk/rid_http://openbanking.org.uk/rty",
        RESOURCE: "acc-1",
        KIND: "account",
    }
    return {
        "iss": ORIGIN,
        "aud": "portal",
        "iat": now,
        "toe": now,
        "jti": "note-1",
        "txn": "t",
        "events": {UPDATE: {"subject": subject}},
    } | changed


def signed(key: Any = KEY, kid: str = "k1", algorithm: str = "PS256", **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm=algorithm, headers={"kid": kid})


def tell(bank: Bank | str, body: Any, content_type: str = "application/jwt") -> Any:
    slug = bank if isinstance(bank, str) else bank.slug
    host = urlsplit(settings.API_ORIGIN).netloc
    return Client(headers={"host": host}).post(
        f"/open-banking/{slug}/event-notifications", data=body, content_type=content_type
    )


def kept(bank: Bank) -> int:
    with serving(bank.id):
        return Notification.objects.count()


@pytest.mark.usefixtures("account")
def test_a_signed_notification_is_kept_and_makes_its_account_due(bank: Bank) -> None:
    answer = tell(bank, signed())

    with serving(bank.id):
        cursor = FeedCursor.objects.get()
    assert (answer.status_code, answer.content, kept(bank)) == (202, b"", 1)
    assert cursor.due_at <= timezone.now()
    assert cursor.hints == 1
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", cursor.trace)


@pytest.mark.usefixtures("account")
def test_the_same_notification_again_is_taken_and_does_nothing(bank: Bank) -> None:
    body = signed()

    statuses = [tell(bank, body).status_code for _ in range(3)]

    with serving(bank.id):
        assert FeedCursor.objects.get().hints == 1
    assert (statuses, kept(bank)) == ([202, 202, 202], 1)


@pytest.mark.usefixtures("account")
def test_a_notification_about_an_unknown_account_makes_nothing_due(bank: Bank) -> None:
    subject = {RESOURCE: "acc-9", KIND: "account"}

    answer = tell(bank, signed(events={UPDATE: {"subject": subject}}))

    with serving(bank.id):
        assert FeedCursor.objects.get().hints == 0
    assert (answer.status_code, kept(bank)) == (202, 1)


@pytest.mark.usefixtures("account")
@pytest.mark.parametrize(
    "body",
    [
        lambda: signed(key=STRANGER),
        lambda: signed(iss="https://other.example"),
        lambda: signed(aud="somebody-else"),
        lambda: signed(iat=int(time.time()) - 3600),
        lambda: signed(exp=int(time.time()) - 1),
        lambda: signed(algorithm="RS256"),
        lambda: jwt.encode(claims(), "k" * 64, algorithm="HS256", headers={"kid": "k1"}),
        lambda: signed(jti=""),
        lambda: signed(events="all of them"),
        lambda: signed()[:-6] + "AAAAAA",
    ],
    ids=["forged", "issuer", "audience", "old", "expired", "alg", "hmac", "jti", "events", "sig"],
)
def test_what_the_bank_did_not_sign_for_us_lately_is_not_believed(bank: Bank, body: Any) -> None:
    answer = tell(bank, body())

    with serving(bank.id):
        assert FeedCursor.objects.get().hints == 0
    assert (answer.status_code, kept(bank)) == (401, 0)
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["type"].endswith("/problems/notification-not-believed")


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ("{}", "application/json", 415),
        ("not a token", "application/jwt", 400),
        (" ", "application/jwt", 400),
        (b"\xff\xfe.\x00.x", "application/jwt", 400),
        ("a" * 70_000, "application/jwt", 413),
    ],
)
def test_what_is_no_notification_at_all_is_refused_by_its_form(
    bank: Bank, body: Any, content_type: str, status: int
) -> None:
    assert tell(bank, body, content_type).status_code == status
    assert kept(bank) == 0


def test_an_unknown_or_suspended_bank_is_not_there(bank: Bank) -> None:
    Bank.objects.filter(pk=bank.pk).update(status="suspended")

    assert tell("nobody", signed()).status_code == 404
    assert tell(bank, signed()).status_code == 404


def test_another_method_is_refused_with_the_right_one() -> None:
    host = urlsplit(settings.API_ORIGIN).netloc

    answer = Client(headers={"host": host}).get("/open-banking/x/event-notifications")

    assert (answer.status_code, answer["Allow"]) == (405, "POST")


@pytest.mark.usefixtures("account")
def test_an_unknown_key_is_not_fetched_twice_a_minute(bank: Bank) -> None:
    # Fetched a moment ago, so the unknown key is refused without asking the bank, which is not there.
    assert tell(bank, signed(kid="k2")).status_code == 401
