"""Tokens for client programs: POST /oauth/token on the api host (RFC 6749, section 4.4)."""

import base64
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
import time_machine
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone

from accounts.clients.models import AccessToken, Client
from accounts.clients.queries import client_of_token
from portal.outbox.pokes import valkey
from tests.factories.accounts import make_client

pytestmark = pytest.mark.django_db
SECRET = "client-secret"
FORM = "application/x-www-form-urlencoded"


# Of this process alone: the others count in the same Valkey.
ADDRESS = f"test-{uuid4().hex}"


@pytest.fixture(autouse=True)
def _fresh_limit() -> None:
    valkey().delete(f"portal:limit:token:{ADDRESS}")


def basic(client: Client, secret: str) -> str:
    pair = f"{client.client_id}:{secret}".encode()
    return "Basic " + base64.b64encode(pair).decode()


def ask(client: Client | None, body: str = "grant_type=client_credentials", **headers: str) -> Any:
    sent = {"Host": f"api.{settings.PORTAL_BASE_HOST}"}
    if client is not None:
        sent["Authorization"] = basic(client, SECRET)
    return Browser().post(
        "/oauth/token", body, content_type=FORM, headers=sent | headers, REMOTE_ADDR=ADDRESS
    )


def test_a_client_gets_a_token_for_ten_minutes() -> None:
    client = make_client()

    answered = ask(client)

    given = answered.json()
    assert answered.status_code == 200
    assert (given["token_type"], given["expires_in"]) == ("Bearer", 600)
    assert set(given["scope"].split()) == set(client.feeds)
    assert "refresh_token" not in given
    assert answered.headers["Cache-Control"] == "no-store"
    principal = client_of_token(given["access_token"], timezone.now())
    assert principal is not None
    assert (principal.client_id, principal.name) == (client.id, f"client:{client.id}")
    assert principal.scopes == set(client.feeds)


def test_a_token_ends_after_ten_minutes() -> None:
    token = ask(make_client()).json()["access_token"]

    with time_machine.travel(timezone.now() + timedelta(minutes=10, seconds=1)):
        assert client_of_token(token, timezone.now()) is None


def test_tokens_and_secrets_are_kept_as_hashes_alone() -> None:
    client = make_client()
    token = ask(client).json()["access_token"]

    kept = AccessToken.objects.get()
    client.refresh_from_db()
    assert kept.token == ""
    assert token not in str(vars(kept))
    assert client.client_secret.startswith("argon2")


def test_a_client_may_ask_for_less_but_not_for_more_than_it_registered() -> None:
    client = make_client(feeds=["balances", "shipments", 7])

    less = ask(client, "grant_type=client_credentials&scope=balances")
    more = ask(client, "grant_type=client_credentials&scope=transactions")

    assert less.json()["scope"] == "balances"
    assert (more.status_code, more.json()["error"]) == (400, "invalid_scope")


def test_credentials_in_the_body_work_too() -> None:
    client = make_client()
    body = (
        f"grant_type=client_credentials&client_id={client.client_id}&client_secret=client-secret"
    )

    assert ask(None, body).status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        "Basic " + base64.b64encode(b"nobody:client-secret").decode(),
        "Basic " + base64.b64encode(b"no\x00body:x").decode(),
        "Basic " + base64.b64encode(b"no%00body:x").decode(),
        "Basic " + base64.b64encode(b"x" * 400 + b":y").decode(),
        "Basic " + base64.b64encode(b"\xff\xfe:y").decode(),
        "Basic ?",
        "Bearer something",
    ],
)
def test_wrong_credentials_are_refused(authorization: str) -> None:
    answered = ask(None, Authorization=authorization)

    assert (answered.status_code, answered.json()["error"]) == (401, "invalid_client")


def test_a_wrong_secret_is_refused() -> None:
    client = make_client()

    answered = ask(None, Authorization=basic(client, "guess"))

    assert (answered.status_code, answered.json()["error"]) == (401, "invalid_client")
    assert AccessToken.objects.count() == 0


@pytest.mark.parametrize(
    ("body", "error"),
    [
        ("", "invalid_request"),
        ("grant_type=password&username=a&password=b", "unsupported_grant_type"),
        ("grant_type=authorization_code&code=x", "unauthorized_client"),
        ("grant_type=refresh_token&refresh_token=x", "unsupported_grant_type"),
        ("grant_type=client_credentials&grant_type=client_credentials", "invalid_request"),
        ("grant_type=client_credentials&scope=%00", "invalid_request"),
    ],
)
def test_other_requests_are_refused(body: str, error: str) -> None:
    answered = ask(make_client(), body)

    assert (answered.status_code, answered.json()["error"]) == (400, error)


def test_other_bodies_and_methods_are_refused() -> None:
    client = make_client()
    host = {"Host": f"api.{settings.PORTAL_BASE_HOST}", "Authorization": basic(client, SECRET)}
    browser = Browser(headers=host)

    as_json = browser.post(
        "/oauth/token", {"grant_type": "client_credentials"}, "application/json"
    )
    read = browser.get("/oauth/token")
    huge = ask(client, "grant_type=client_credentials&x=" + "x" * 300_000)

    assert (as_json.status_code, as_json.json()["error"]) == (400, "invalid_request")
    assert read.status_code == 405
    assert huge.status_code == 413


def test_a_suspended_program_gets_no_token_and_its_old_one_is_worth_nothing() -> None:
    client = make_client()
    given = ask(client).json()["access_token"]
    Client.objects.filter(pk=client.pk).update(status=Client.Status.SUSPENDED)

    answered = ask(client)

    assert (answered.status_code, answered.json()) == (401, {"error": "invalid_client"})
    assert client_of_token(given, timezone.now()) is None


def test_guessing_is_slowed_down() -> None:
    client = make_client()
    for _ in range(60):
        ask(None, "grant_type=x")

    answered = ask(client)

    assert answered.status_code == 429
    assert int(answered.headers["Retry-After"]) >= 1
