"""Addresses and bodies: every call is a POST, and the customer's token lies in the body."""

import json
from collections.abc import Mapping

from partners.connectors.base import BankAddress, Grant, Request


def url(address: BankAddress, path: str) -> str:
    return f"{address.base_url.rstrip('/')}/sync/{path}"


def ask(where: str, grant: Grant, more: Mapping[str, object]) -> Request:
    """A question on the customer's behalf."""
    return _post(where, {"access_token": grant.access_token, **more})


def ask_as_us(where: str, token: str, said: Mapping[str, object]) -> Request:
    """A question of our own, with a token of our own."""
    return _post(where, said, Authorization=f"Bearer {token}")


def _post(where: str, said: Mapping[str, object], **headers: str) -> Request:
    plain = {"Content-Type": "application/json", "Accept": "application/json"}
    return Request("POST", where, plain | headers, json.dumps(said).encode())
