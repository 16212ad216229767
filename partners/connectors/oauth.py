"""The OAuth part that REST dialects share: redirect with PKCE, tokens, and what their refusal means."""

import re
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Mapping
from datetime import datetime, timedelta
from hashlib import sha256
from http import HTTPStatus
from urllib.parse import quote_plus, urlencode

from partners.connectors.answers import REFUSED, Node, raise_for_trouble, read_json, refusal_code
from partners.connectors.base import (
    AuthorisationRevoked,
    BadAnswer,
    BankAddress,
    BankRefused,
    Request,
    Response,
    Steps,
    TokenSet,
)
from partners.connectors.refusals import member

_VERIFIER = re.compile(r"[A-Za-z0-9\-._~]{43,128}")  # RFC 7636 section 4.1
_TOKEN = re.compile(r"[\x21-\x7e]{1,8192}")  # RFC 6749 appendix A.12, without spaces
_UNSAID_LIFETIME = 300
_LONGEST_LIFETIME = 400 * 24 * 3600


def check_verifier(code_verifier: str) -> None:
    """Ours to have right, before anything is sent."""
    if not _VERIFIER.fullmatch(code_verifier):
        raise ValueError("a code verifier has 43 to 128 unreserved characters")


def challenge(code_verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = sha256(code_verifier.encode("ascii")).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


def redirect(
    address: BankAddress, *, scope: str, state: str, nonce: str, code_verifier: str, **more: str
) -> str:
    """Where to send the customer; `more` is what the dialect adds."""
    query = {
        "response_type": "code",
        "client_id": address.client_id,
        "redirect_uri": address.redirect_uri,
        "scope": scope,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge(code_verifier),
        "code_challenge_method": "S256",
        **more,
    }
    joint = "&" if "?" in address.authorize_url else "?"
    return f"{address.authorize_url}{joint}{urlencode(query)}"


def exchange(
    address: BankAddress, *, code: str, code_verifier: str, at: datetime
) -> Steps[TokenSet]:
    response = yield _ask_token(
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
    response = yield _ask_token(
        address, {"grant_type": "refresh_token", "refresh_token": refresh_token}
    )
    return _read_tokens(response, kept=refresh_token, at=at)


def client_token(address: BankAddress, **more: str) -> Steps[str]:
    """A token of our own, for laying consents and ending them."""
    response = yield _ask_token(address, {"grant_type": "client_credentials", **more})
    return _token(_granted(response), "access_token")


def _ask_token(address: BankAddress, form: Mapping[str, str]) -> Request:
    """A request to the token endpoint, by the way that the bank wants to be told who we are."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
    if address.authenticates_by == "client_secret_basic":
        pair = f"{quote_plus(address.client_id)}:{quote_plus(address.client_secret)}"
        headers["Authorization"] = f"Basic {b64encode(pair.encode()).decode()}"
        return Request("POST", address.token_url, headers, urlencode(form).encode())
    body = urlencode({**form, "client_id": address.client_id}).encode()
    signs = address.authenticates_by == "private_key_jwt"
    asked_of = address.token_url if signs else ""
    return Request("POST", address.token_url, headers, body, assert_to=asked_of)


def _read_tokens(response: Response, *, kept: str | None, at: datetime) -> TokenSet:
    answer = _granted(response)
    renewed = _token(answer, "refresh_token") if answer.has("refresh_token") else kept
    return TokenSet(
        _token(answer, "access_token"), renewed, at + timedelta(seconds=_lifetime(answer))
    )


def _granted(response: Response) -> Node:
    _expect_token(response)
    answer = read_json(response)
    if answer.string("token_type").lower() != "bearer":
        answer.wrong("token_type", "not bearer")
    return answer


def _expect_token(response: Response) -> None:
    """Raise what a token endpoint's refusal means: an invalid grant is one that has ended."""
    raise_for_trouble(response)
    if response.status == HTTPStatus.OK:
        return
    if response.status not in REFUSED:
        raise BadAnswer("a status that a token endpoint does not have")
    code = refusal_code(member(response, "error"), response.status)
    if code == "invalid_grant":
        raise AuthorisationRevoked
    raise BankRefused(code)


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
