"""A customer's authorisation: consent, redirect, end."""

from datetime import UTC, date, datetime, timedelta
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
from partners.connectors.uk_open_banking import calls
from partners.connectors.uk_open_banking.refusals import expect_from_us
from partners.connectors.uk_open_banking.words import AWAITING, GONE


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
    oauth.check_verifier(code_verifier)
    token = yield from oauth.client_token(address, scope="accounts")
    url = calls.aisp_url(address, version, "account-access-consents")
    response = yield calls.post(url, token, _asked(terms))
    consent_id = _read_consent(response)
    going = oauth.redirect(
        address,
        scope="accounts",
        state=state,
        nonce=nonce,
        code_verifier=code_verifier,
        openbanking_intent_id=consent_id,
    )
    return Authorisation(going, consent_id)


def revoke(address: BankAddress, version: str, *, bank_consent_id: str) -> Steps[None]:
    token = yield from oauth.client_token(address, scope="accounts")
    url = calls.aisp_url(address, version, "account-access-consents", bank_consent_id)
    response = yield calls.delete(url, token)
    try:
        expect_from_us(response, HTTPStatus.NO_CONTENT)
    except BankRefused as refused:
        if refused.code not in GONE:
            raise


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
