"""A customer's authorisation: the consent object, redirect, end."""

from http import HTTPStatus

from partners.connectors import oauth
from partners.connectors.answers import raise_for_trouble, read_json
from partners.connectors.base import (
    Authorisation,
    BankAddress,
    BankRefused,
    ConsentTerms,
    Grant,
    Response,
    Steps,
)
from partners.connectors.berlin_group import calls
from partners.connectors.berlin_group.refusals import expect_from_us, is_gone
from partners.connectors.berlin_group.words import AWAITING

# How often a day we may ask while no customer is there: once a minute, should events fail. Over the
# four of PSD2 only by agreement, which a partner bank has with us (docs/for-banks.md).
_A_DAY = 1440
_UNLESS_SAID = 4


def begin(
    address: BankAddress,
    *,
    terms: ConsentTerms,
    state: str,
    nonce: str,
    code_verifier: str,
    customer_ip: str,
) -> Steps[Authorisation]:
    """Our own token, then the consent, then the URL that asks the customer for it."""
    oauth.check_verifier(code_verifier)
    token = yield from oauth.client_token(address)
    response = yield calls.lay_consent(
        address,
        token,
        _asked(terms, address),
        asked_from=calls.ipv4(customer_ip) or address.our_ip,
    )
    consent_id = _read_consent(response)
    going = oauth.redirect(
        address,
        scope=f"AIS:{consent_id}",
        state=state,
        nonce=nonce,
        code_verifier=code_verifier,
    )
    return Authorisation(going, consent_id)


def revoke(address: BankAddress, *, bank_consent_id: str) -> Steps[None]:
    token = yield from oauth.client_token(address)
    response = yield calls.end_consent(address, token, bank_consent_id)
    try:
        expect_from_us(response, HTTPStatus.NO_CONTENT)
    except BankRefused as refused:
        if not is_gone(refused):
            raise


def _asked(terms: ConsentTerms, address: BankAddress) -> dict[str, object]:
    """A consent whose accounts the customer chooses at the bank (empty lists), for what they allowed."""
    access: dict[str, list[object]] = {"accounts": []}
    if terms.balances:
        access["balances"] = []
    if terms.transactions:
        access["transactions"] = []
    return {
        "access": access,
        "recurringIndicator": True,
        # The standard has whole days alone. We stop at the customer's own hour of that day.
        "validUntil": terms.expires_at.astimezone(address.zone).date().isoformat(),
        "frequencyPerDay": _A_DAY,
        "combinedServiceIndicator": False,
    }


def read_calls_a_day(address: BankAddress, *, grant: Grant) -> Steps[int | None]:
    """What the bank grants of what we asked for; where it does not say, what the standard gives everybody."""
    response = yield calls.consent_of(address, grant)
    raise_for_trouble(response)
    if response.status != HTTPStatus.OK:
        return _UNLESS_SAID
    told = read_json(response).members.get("frequencyPerDay")
    if not isinstance(told, int) or isinstance(told, bool):
        return _UNLESS_SAID
    return min(max(told, 1), _A_DAY)


def _read_consent(response: Response) -> str:
    expect_from_us(response, HTTPStatus.CREATED)
    answer = read_json(response)
    if answer.string("consentStatus") not in AWAITING:
        raise BankRefused("consent_not_awaiting")
    return answer.identity("consentId", limit=128)
