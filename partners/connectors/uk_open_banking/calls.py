"""Addresses and headers of the account information API."""

import json
from collections.abc import Mapping
from urllib.parse import quote

from partners.connectors.base import BankAddress, Request


def aisp_url(address: BankAddress, version: str, *steps: str) -> str:
    """The URL of a resource; each step is one segment, whatever it contains."""
    base = f"{address.base_url.rstrip('/')}/open-banking/{version}/aisp"
    return "/".join([base, *(quote(step, safe="") for step in steps)])


def get(url: str, access_token: str, *, customer_ip: str = "") -> Request:
    """`customer_ip`: where the customer asks from, where it is they who ask and wait."""
    present = {"x-fapi-customer-ip-address": customer_ip} if customer_ip else {}
    return Request("GET", url, _bearer(access_token) | present)


def delete(url: str, access_token: str) -> Request:
    return Request("DELETE", url, _bearer(access_token))


def post(url: str, access_token: str, data: Mapping[str, object]) -> Request:
    headers = _bearer(access_token) | {"Content-Type": "application/json"}
    return Request("POST", url, headers, json.dumps(data).encode())


def _bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
