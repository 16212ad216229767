import ipaddress
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks.webhooks import Webhook

from messaging.webhooks.rules import (
    WAITS,
    is_allowed,
    rest_after,
    secret_key,
    secret_text,
    sign,
    wait_after,
    why_not_url,
)


def test_ten_attempts_are_made_over_three_days() -> None:
    waits = [wait_after(attempts, noise=0) for attempts in range(1, 12)]

    assert waits[:9] == list(WAITS)
    assert waits[9:] == [None, None]
    assert [each.total_seconds() for each in WAITS] == [
        *(5, 300, 1800),
        *(hours * 3600 for hours in (2, 5, 10, 14, 20, 24)),
    ]


@given(st.integers(1, 9), st.floats(0, 1))
def test_jitter_makes_it_later_by_a_tenth_at_most(attempts: int, noise: float) -> None:
    wait = wait_after(attempts, noise=noise)

    assert wait is not None
    assert WAITS[attempts - 1] <= wait <= WAITS[attempts - 1] * 1.1


def test_a_failing_endpoint_rests_for_a_minute_at_most() -> None:
    assert [rest_after(each).total_seconds() for each in (1, 2, 3, 7, 50)] == [1, 2, 4, 60, 60]


@given(st.binary(min_size=24, max_size=64), st.text())
def test_a_signature_is_what_the_specifications_own_library_takes(key: bytes, text: str) -> None:
    body, timestamp = f'"{text!a}"'.encode(), int(time.time())
    headers = {
        "webhook-id": "one",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": sign(
            [b"another", key], message_id="one", timestamp=timestamp, body=body
        ),
    }

    Webhook(secret_text(key)).verify(body, headers, json_parse=False)

    assert secret_key(secret_text(key)) == key


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.thrift.example",
        "https://hooks.thrift.example:443/in?from=portal",
        "https://8.8.8.8/",
        "https://[2606:4700:4700::1111]/",
        "https://xn--bcher-kva.example/",
    ],
)
def test_addresses_of_the_public_internet_are_taken(url: str) -> None:
    assert why_not_url(url, loopback=False) == ""


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.thrift.example",
        "http://hooks.thrift.example",
        "ftp://hooks.thrift.example",
        "file:///etc/passwd",
        "https://hooks.thrift.example:8443/",
        "https://hooks.thrift.example:x/",
        "https://user:secret@hooks.thrift.example/",
        "https://hooks.thrift.example/#part",
        "https://hooks.thrift.example/a b",
        "https://hooks.thrift.example/\n",
        "https://hooks.thrift.example/" + "a" * 500,
        "https://büro.example/",
        "https://",
        "https://[::1",
        "https://localhost/",
        "https://LOCALHOST./",
        "https://anything.localhost/",
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.1.2.3/",
        "https://169.254.169.254/latest/meta-data/",
        "https://[fd00::1]/",
        "https://[::ffff:10.1.2.3]/",
        "https://0.0.0.0/",
    ],
)
def test_anything_else_is_not(url: str) -> None:
    assert why_not_url(url, loopback=False) != ""


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9000/in",
        "http://shop.localhost:9000",
        "http://[::1]:9000/",
        "https://localhost:9/",
    ],
)
def test_this_machine_is_taken_where_a_setting_says_so(url: str) -> None:
    assert why_not_url(url, loopback=True) == ""
    assert why_not_url("http://10.1.2.3/", loopback=True) != ""


@pytest.mark.parametrize(
    "address",
    [
        *("0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1", "169.254.169.254", "172.16.0.1"),  # noqa: S104
        *("192.0.2.1", "192.168.0.1", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"),
        *("::", "::1", "fc00::1", "fd12::1", "fe80::1", "fec0::1", "ff02::1", "2001:db8::1"),
        # What stands for an address of IPv4 is judged by that.
        *(
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2002:a00:1::",
        ),
        "2001:0:4136:e378:8000:63bf:f5ff:fffe",
    ],
)
def test_nothing_but_public_addresses_is_connected_to(address: str) -> None:
    assert not is_allowed(ipaddress.ip_address(address), loopback=False)


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses_are(address: str) -> None:
    assert is_allowed(ipaddress.ip_address(address), loopback=False)


@given(st.ip_addresses(v=4))
def test_no_private_address_is(address: ipaddress.IPv4Address) -> None:
    if address.is_private or address.is_loopback or address.is_link_local or address.is_multicast:
        assert not is_allowed(address, loopback=False)
        assert why_not_url(f"https://{address}/", loopback=False)
