"""Addresses and headers of the account information API, and the tokens that open it."""

import json
from base64 import b64encode
from collections.abc import Mapping
from urllib.parse import quote, quote_plus, urlencode

from partners.connectors.base import BankAddress, Request


def aisp_url(address: BankAddress, version: str, *steps: str) -> str:
    """The URL of a resource; each step is one segment, whatever it contains."""
    base = f"{address.base_url.rstrip('/')}/open-banking/{version}/aisp"
    return "/".join([base, *(quote(step, safe="") for step in steps)])


def get(url: str, access_token: str) -> Request:
    return Request("GET", url, _bearer(access_token))


def delete(url: str, access_token: str) -> Request:
    return Request("DELETE", url, _bearer(access_token))


def post(url: str, access_token: str, data: Mapping[str, object]) -> Request:
    headers = _bearer(access_token) | {"Content-Type": "application/json"}
    return Request("POST", url, headers, json.dumps(data).encode())


def ask_token(address: BankAddress, form: Mapping[str, str]) -> Request:
    """A request to the token endpoint, with client_secret_basic (RFC 6749 section 2.3.1)."""
    pair = f"{quote_plus(address.client_id)}:{quote_plus(address.client_secret)}"
    headers = {
        "Authorization": f"Basic {b64encode(pair.encode()).decode()}",
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
    }
    return Request("POST", address.token_url, headers, urlencode(form).encode())


def _bearer(access_token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {access_token}", "Accept": "application/json"}
