import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.outside.addresses import is_allowed, why_not_url


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
