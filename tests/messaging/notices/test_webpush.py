"""The words on their way to a browser: as RFC 8291 works them out, byte for byte."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from messaging.notices.webpush import encrypt, from_text, headers, read_browser_keys, to_text
from tests.messaging.notices.push_service import Browser, PushService

# RFC 8291, appendix A.
PLAIN = b"When I grow up, I want to be a watermelon"
BROWSER = "BCVxsr7N_eNgVRqvHtD0zTZsEc6-VV-JvLexhqUzORcxaOzi6-AYWXvTBHm4bjyPjs7Vd8pZGH6SRpkNtoIAiw4"
AUTH = "BTBZMqHH6r4Tts7J_aSIgg"
ONCE = "yfWPiYE-n46HLnH0KqZOF1fJJU3MYrct3AELtAQ-oRw"
SALT = "DGv6ra1nlYgDCS1FRnbzlw"
BODY = (
    "DGv6ra1nlYgDCS1FRnbzlwAAEABBBP4z9KsN6nGRTbVYI_c7VJSPQTBtkgcy27mlmlMoZIIgDll6e3vCYLocInmYWAmS6Tlz"
    "AC8wEqKK6PBru3jl7A_yl95bQpu6cVPTpK4Mqgkf1CXztLVBSt2Ks3oZwbuwXPXLWyouBWLVWGNWQexSgSxsj_Qulcy4a-fN"
)


def test_the_example_of_the_standard_comes_out() -> None:
    once = ec.derive_private_key(int.from_bytes(from_text(ONCE), "big"), ec.SECP256R1())

    body = encrypt(
        PLAIN, browser=from_text(BROWSER), auth=from_text(AUTH), salt=from_text(SALT), once=once
    )

    assert to_text(body) == BODY


@given(st.binary(max_size=3000), st.binary(min_size=16, max_size=16))
def test_a_browser_reads_what_was_written_for_it(plain: bytes, auth: bytes) -> None:
    browser = Browser("https://push.example/1", auth=auth)

    body = encrypt(plain, browser=browser.point, auth=auth)

    assert browser.decrypt(body) == plain
    assert len(body) <= 4096


def test_no_other_browser_reads_it() -> None:
    mine, other = Browser("https://push.example/1"), Browser("https://push.example/2")

    body = encrypt(PLAIN, browser=mine.point, auth=mine.auth)

    with pytest.raises(InvalidTag):
        other.decrypt(body)


@pytest.mark.parametrize(
    ("p256dh", "auth"),
    [
        ("", AUTH),
        (BROWSER, ""),
        (BROWSER, "AAAA"),
        (BROWSER[:-4], AUTH),
        ("AAAA" + BROWSER[4:], AUTH),
        (BROWSER.replace("B", "ü"), AUTH),
        (BROWSER[:40] + "AAAA" + BROWSER[44:], AUTH),
    ],
)
def test_what_are_no_keys_of_a_browser_are_refused(p256dh: str, auth: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # which of the two it is does not matter
        read_browser_keys(p256dh, auth)


def test_it_is_signed_for_the_one_push_service(service: PushService) -> None:
    at = datetime.now(UTC)
    given = headers(f"{service.origin}/push/1?x=2", topic="t", ttl=timedelta(hours=4), at=at)

    assert service.is_signed(given["Authorization"])
    assert (given["TTL"], given["Urgency"], given["Topic"]) == ("14400", "high", "t")
