"""What every connector must make of a notification of the bank, whatever protocol it speaks."""

from datetime import timedelta

import pytest
from jwt.utils import base64url_encode

from partners.connectors.base import (
    BankNotification,
    Connector,
    NotificationRefused,
    UnknownSigningKey,
    drive,
)
from tests.contracts.connectors.dialects import ACCOUNT, NOW, answer, claims, jwks, notification
from tests.contracts.connectors.operations import replies


def test_read_notification_says_which_account_changed_and_when(bank: Connector) -> None:
    told = bank.read_notification(body=notification(), jwks=jwks(), at=NOW)

    assert told == BankNotification(
        jti="b460a07c-4962-43d1-85ee-9dc10fbb8f6c",
        account_external_ids=(ACCOUNT,),
        occurred_at=NOW - timedelta(seconds=1),
    )


@pytest.mark.parametrize("minutes", [-10, 10])
def test_read_notification_takes_ten_minutes_of_difference(bank: Connector, minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)

    assert bank.read_notification(body=notification(), jwks=jwks(), at=at).jti

    with pytest.raises(NotificationRefused, match="iat"):
        bank.read_notification(
            body=notification(), jwks=jwks(), at=at + timedelta(seconds=minutes // 10)
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": None},
        {"iat": None},
        {"iat": True},
        {"iat": -1},
        {"iat": 10**30},
        {"iat": "1774861200"},
        {"toe": 1e300},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 129},
        {"jti": "a\u0000b"},
        {"events": None},
        {"events": []},
        {"exp": int(NOW.timestamp())},
    ],
)
def test_read_notification_refuses_claims_that_are_not_right(
    bank: Connector, changes: dict[str, object]
) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(body=notification(claims(**changes)), jwks=jwks(), at=NOW)


def test_read_notification_refuses_what_another_key_signed(bank: Connector) -> None:
    forged = notification(signed_by="somebody-else", kid="event-key-1")

    with pytest.raises(NotificationRefused) as refused:
        bank.read_notification(body=forged, jwks=jwks(), at=NOW)

    assert not isinstance(refused.value, UnknownSigningKey)


def test_read_notification_names_a_key_that_we_do_not_hold(bank: Connector) -> None:
    with pytest.raises(UnknownSigningKey):
        bank.read_notification(body=notification(kid="next-year"), jwks=jwks(), at=NOW)


@pytest.mark.parametrize("algorithm", ["RS256", "PS384"])
def test_read_notification_takes_one_algorithm_only(bank: Connector, algorithm: str) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(body=notification(alg=algorithm), jwks=jwks(), at=NOW)


@pytest.mark.parametrize(
    "headers", [{"crit": ["exp"]}, {"b64": True}, {"kid": None}, {"kid": ""}, {"kid": 7}]
)
def test_read_notification_refuses_headers_it_does_not_understand(
    bank: Connector, headers: dict[str, object]
) -> None:
    body = notification(**headers)

    with pytest.raises(NotificationRefused, match=r"named key|extensions|a token"):
        bank.read_notification(body=body, jwks=jwks(), at=NOW)


def test_read_notification_refuses_an_unsigned_token(bank: Connector) -> None:
    header, payload, _signature = notification().split(b".")
    unsigned = base64url_encode(b'{"alg": "none", "kid": "event-key-1"}')

    for body in (b".".join([unsigned, payload, b""]), b".".join([header, payload, b""])):
        with pytest.raises(NotificationRefused):
            bank.read_notification(body=body, jwks=jwks(), at=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"..",
        b"a.b.c",
        b"\xff\xfe",
        b"x" * 70_000,
        base64url_encode(b"[" * 30_000) + b".e30.AA",
    ],
)
def test_read_notification_refuses_what_is_no_token(bank: Connector, body: bytes) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(body=body, jwks=jwks(), at=NOW)


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": 7, "e": "!"},
        {"kty": "RSA", "n": "", "e": ""},
    ],
)
def test_read_notification_refuses_a_key_that_is_not_fit(
    bank: Connector, key: dict[str, object]
) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(
            body=notification(), jwks={"keys": [key | {"kid": "event-key-1"}]}, at=NOW
        )


def test_signing_keys_of_the_bank_verify_its_notifications(bank: Connector) -> None:
    published = jwks("event-key-1", "event-key-2")

    kept = drive(bank.signing_keys(), replies(answer(published)))

    assert bank.read_notification(body=notification(signed_by="event-key-2"), jwks=kept, at=NOW)
