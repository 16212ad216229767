"""A customer's authorisation: a link token, redirect, end."""

from http import HTTPStatus

from partners.connectors import oauth
from partners.connectors.answers import read_json
from partners.connectors.base import (
    Authorisation,
    BankAddress,
    BankRefused,
    ConsentTerms,
    Response,
    Steps,
)
from partners.connectors.cursor_sync import calls
from partners.connectors.cursor_sync.refusals import expect_from_us
from partners.connectors.cursor_sync.words import GONE

# What the bank shows the customer of us; its own record of our client says the same.
_CLIENT_NAME = "Portal"
_LANGUAGE = "en"
_COUNTRIES = ("GB", "IT", "ES", "FR", "DE", "NL", "IE", "PT")
LONGEST_DAYS = 730


def begin(
    address: BankAddress, *, terms: ConsentTerms, state: str, nonce: str, code_verifier: str
) -> Steps[Authorisation]:
    """Our own token, then the link token, then the URL that asks the customer for it."""
    oauth.check_verifier(code_verifier)
    token = yield from oauth.client_token(address, scope="accounts")
    response = yield calls.ask_as_us(
        calls.url(address, "link/token/create"), token, _asked(terms, address, state)
    )
    link_token = _read_link(response)
    going = oauth.redirect(
        address,
        scope="accounts",
        state=state,
        nonce=nonce,
        code_verifier=code_verifier,
        link_token=link_token,
    )
    return Authorisation(going, link_token)


def revoke(address: BankAddress, *, bank_consent_id: str) -> Steps[None]:
    token = yield from oauth.client_token(address, scope="accounts")
    said = {"link_token": bank_consent_id}
    response = yield calls.ask_as_us(calls.url(address, "link/token/remove"), token, said)
    try:
        expect_from_us(response)
    except BankRefused as refused:
        if refused.code not in GONE:
            raise


def _asked(terms: ConsentTerms, address: BankAddress, state: str) -> dict[str, object]:
    """No product that the customer did not choose, and no day before those they allowed."""
    asked: dict[str, object] = {
        "client_name": _CLIENT_NAME,
        "language": _LANGUAGE,
        "country_codes": list(_COUNTRIES),
        # One customer is nobody that two banks could tell to be one: a name for this walk alone.
        "user": {"client_user_id": state},
        "products": ["transactions"] if terms.transactions else ["balance"],
        "redirect_uri": address.redirect_uri,
    }
    if terms.transactions and terms.transactions_from and terms.asked_on:
        days = (terms.asked_on - terms.transactions_from).days
        asked["transactions"] = {"days_requested": min(max(days, 1), LONGEST_DAYS)}
    return asked


def _read_link(response: Response) -> str:
    expect_from_us(response)
    if response.status != HTTPStatus.OK:
        raise BankRefused("no_link_token", response.status)
    return read_json(response).identity("link_token", limit=128)
