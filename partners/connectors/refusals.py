"""Error answers with the codes of UK Open Banking's code set, which the partner API shares."""

from collections.abc import Iterator
from http import HTTPStatus

from partners.connectors.answers import REFUSED, raise_for_trouble, read_json, refusal_code
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BankRefused,
    Response,
)

# Resource.InvalidConsentStatus and Reauthenticate, in 4.0 and 3.1: the consent is over,
# which is more than that one request was wrong.
_CONSENT_IS_OVER = frozenset(
    {"U009", "U028", "UK.OBIE.Resource.InvalidConsentStatus", "UK.OBIE.Reauthenticate"}
)
_MAX_ERRORS = 20


def expect(response: Response, *statuses: HTTPStatus) -> None:
    """Raise what an answer to a customer's access token means, unless it has one of these."""
    raise_for_trouble(response)
    if response.status in statuses:
        return
    if response.status not in REFUSED:
        raise BadAnswer("a status that the interface does not have here")
    codes = tuple(_error_codes(response))
    if _CONSENT_IS_OVER.intersection(codes):
        raise AuthorisationRevoked
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise AuthorisationExpired
    code = next(iter(codes), refusal_code(None, response.status))
    raise BankRefused(code, response.status)


def member(response: Response, name: str) -> object:
    """A member of an error's body; None where it has no readable one, for the status says enough."""
    try:
        return read_json(response).members.get(name)
    except BadAnswer:
        return None


def _error_codes(response: Response) -> Iterator[str]:
    errors = member(response, "Errors")
    for error in errors[:_MAX_ERRORS] if isinstance(errors, list) else []:
        code = error.get("ErrorCode") if isinstance(error, dict) else None
        if isinstance(code, str):
            yield refusal_code(code, response.status)
