"""A customer's authorisation: consent, redirect with PKCE, tokens, end."""

import re
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import urlencode

from partners.connectors.answers import Node, read_json
from partners.connectors.base import (
    Authorisation,
    BankAddress,
    BankRefused,
    ConsentTerms,
    Response,
    Steps,
    TokenSet,
)
from partners.connectors.uk_open_banking import calls
from partners.connectors.uk_open_banking.refusals import expect_from_us, expect_token
from partners.connectors.uk_open_banking.words import AWAITING, GONE

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 section 4.1
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")  # RFC 6749 appendix A.12, without spaces
_UNSAID_LIFETIME = 300
_LONGEST_LIFETIME = 400 * 24 * 3600


def begin(
    address: BankAddress,
    version: str,
    *,
    terms: ConsentTerms,
    state: str,
    nonce: str,
    code_verifier: str,
) -> Steps[Authorisation]:
    """Our own token, then the consent resource, then the URL that asks the customer for it."""
    if not _VERIFIER.fullmatch(code_verifier):
        raise ValueError("a code verifier has 43 to 128 unreserved characters")
    token = yield from _client_token(address)
    url = calls.aisp_url(address, version, "account-access-consents")
    response = yield calls.post(url, token, _asked(terms))
    consent_id = _read_consent(response)
    query = {
        "response_type": "code",
        "client_id": address.client_id,
        "redirect_uri": address.redirect_uri,
        "scope": "accounts",
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge(code_verifier),
        "code_challenge_method": "S256",
        "openbanking_intent_id": consent_id,
    }
    joint = "&" if "?" in address.authorize_url else "?"
    return Authorisation(f"{address.authorize_url}{joint}{urlencode(query)}", consent_id)


def challenge(code_verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def exchange(
    address: BankAddress, *, code: str, code_verifier: str, at: datetime
) -> Steps[TokenSet]:
    response = yield calls.ask_token(
        address,
        {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": address.redirect_uri,
            "code_verifier": code_verifier,
        },
    )
    return _read_tokens(response, kept=None, at=at)


def refresh(address: BankAddress, *, refresh_token: str, at: datetime) -> Steps[TokenSet]:
    response = yield calls.ask_token(
        address, {"grant_type": "refresh_token", "refresh_token": refresh_token}
    )
    return _read_tokens(response, kept=refresh_token, at=at)


def revoke(address: BankAddress, version: str, *, bank_consent_id: str) -> Steps[None]:
    token = yield from _client_token(address)
    url = calls.aisp_url(address, version, "account-access-consents", bank_consent_id)
    response = yield calls.delete(url, token)
    try:
        expect_from_us(response, HTTPStatus.NO_CONTENT)
    except BankRefused as refused:
        if refused.code not in GONE:
            raise


def _client_token(address: BankAddress) -> Steps[str]:
    form = {"grant_type": "client_credentials", "scope": "accounts"}
    response = yield calls.ask_token(address, form)
    return _token(_granted(response), "access_token")


def _asked(terms: ConsentTerms) -> dict[str, object]:
    """OBReadConsent1: no permission that the customer did not choose."""
    permissions = ["ReadAccountsDetail"]
    if terms.balances:
        permissions.append("ReadBalances")
    if terms.transactions:
        permissions += [
            "ReadTransactionsCredits",
            "ReadTransactionsDebits",
            "ReadTransactionsDetail",
        ]
    data: dict[str, object] = {
        "Permissions": permissions,
        "ExpirationDateTime": _rfc3339(terms.expires_at),
    }
    if terms.transactions and terms.transactions_from:
        data["TransactionFromDateTime"] = _midnight(terms.transactions_from)
    return {"Data": data, "Risk": {}}


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")


def _midnight(day: date) -> str:
    # A day early: read in UTC or on the bank's clock, nothing of the day itself is left out.
    return f"{day - timedelta(days=1)}T00:00:00+00:00"


def _read_consent(response: Response) -> str:
    expect_from_us(response, HTTPStatus.CREATED)
    data = read_json(response).node("Data")
    if data.string("Status") not in AWAITING:
        raise BankRefused("consent_not_awaiting")
    return data.identity("ConsentId", limit=128)


def _read_tokens(response: Response, *, kept: str | None, at: datetime) -> TokenSet:
    answer = _granted(response)
    renewed = _token(answer, "refresh_token") if answer.has("refresh_token") else kept
    return TokenSet(
        _token(answer, "access_token"), renewed, at + timedelta(seconds=_lifetime(answer))
    )


def _granted(response: Response) -> Node:
    expect_token(response)
    answer = read_json(response)
    if answer.string("token_type").lower() != "bearer":
        answer.wrong("token_type", "not bearer")
    return answer


def _token(answer: Node, name: str) -> str:
    token = answer.string(name, limit=8192)
    if not _TOKEN.fullmatch(token):
        answer.wrong(name, "not fit for a header")
    return token


def _lifetime(answer: Node) -> int:
    seconds = answer.members.get("expires_in", _UNSAID_LIFETIME)
    if isinstance(seconds, bool) or not isinstance(seconds, int) or seconds < 0:
        answer.wrong("expires_in", "not a number of seconds")
    return min(seconds, _LONGEST_LIFETIME)
