"""Addresses and headers of the account information API. Each request's own id is added as it is sent."""

import json
from collections.abc import Mapping
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import quote

from partners.connectors.base import BankAddress, Grant, Request


def url(address: BankAddress, *steps: str) -> str:
    """The URL of a resource; each step is one segment, whatever it contains."""
    base = f"{address.base_url.rstrip('/')}/psd2/v1"
    return "/".join([base, *(quote(step, safe="") for step in steps)])


def get(where: str, grant: Grant) -> Request:
    """A question on the customer's behalf: every one names the consent that it stands on.

    With the customer's address it is not counted among those that are asked while they are away.
    """
    present = ipv4(grant.customer_ip)
    named = {"Consent-ID": grant.bank_consent_id} | (
        {"PSU-IP-Address": present} if present else {}
    )
    return Request("GET", where, _bearer(grant.access_token) | named)


def consent_of(address: BankAddress, grant: Grant) -> Request:
    return Request(
        "GET", url(address, "consents", grant.bank_consent_id), _bearer(grant.access_token)
    )


def status_of(address: BankAddress, grant: Grant) -> Request:
    where = url(address, "consents", grant.bank_consent_id, "status")
    return Request("GET", where, _bearer(grant.access_token))


def lay_consent(
    address: BankAddress, token: str, wanted: Mapping[str, object], *, asked_from: str
) -> Request:
    headers = _bearer(token) | {
        "Content-Type": "application/json",
        "PSU-IP-Address": asked_from,
        "TPP-Redirect-Preferred": "true",
        "TPP-Redirect-URI": address.redirect_uri,
    }
    return Request("POST", url(address, "consents"), headers, json.dumps(wanted).encode())


def end_consent(address: BankAddress, token: str, bank_consent_id: str) -> Request:
    return Request("DELETE", url(address, "consents", bank_consent_id), _bearer(token))


def ipv4(written: str) -> str:
    """The address as the standard's header takes it; empty for none, and for one it has no room for."""
    try:
        parsed: IPv4Address | IPv6Address | None = ip_address(written)
    except ValueError:
        return ""
    if isinstance(parsed, IPv6Address):
        parsed = parsed.ipv4_mapped
    return "" if parsed is None else str(parsed)


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}", "Accept": "application/json"}
