"""What a bank's error answers mean (OBErrorResponse1, RFC 6749 section 5.2)."""

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
from partners.connectors.uk_open_banking.words import CONSENT_IS_OVER


def expect(response: Response, status: int) -> None:
    """Raise what an answer to a customer's access token means, unless it has this status."""
    raise_for_trouble(response)
    if response.status == status:
        return
    if response.status not in REFUSED:
        raise BadAnswer("a status that the standard does not have here")
    codes = tuple(_error_codes(response))
    if CONSENT_IS_OVER.intersection(codes):
        raise AuthorisationRevoked
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise AuthorisationExpired
    raise BankRefused(next(iter(codes), refusal_code(None, response.status)))


def expect_from_us(response: Response, status: int) -> None:
    """The same where our own credentials asked: no customer can mend a refusal."""
    try:
        expect(response, status)
    except (AuthorisationExpired, AuthorisationRevoked):
        raise BankRefused(refusal_code(None, response.status)) from None


def expect_token(response: Response) -> None:
    """Raise what a token endpoint's refusal means: an invalid grant is one that has ended."""
    raise_for_trouble(response)
    if response.status == HTTPStatus.OK:
        return
    if response.status not in REFUSED:
        raise BadAnswer("a status that a token endpoint does not have")
    code = refusal_code(_member(response, "error"), response.status)
    if code == "invalid_grant":
        raise AuthorisationRevoked
    raise BankRefused(code)


def _error_codes(response: Response) -> Iterator[str]:
    errors = _member(response, "Errors")
    for error in errors[:20] if isinstance(errors, list) else []:
        code = error.get("ErrorCode") if isinstance(error, dict) else None
        if isinstance(code, str):
            yield refusal_code(code, response.status)


def _member(response: Response, name: str) -> object:
    """A member of an error's body; None where it has no readable one, for the status says enough."""
    try:
        return read_json(response).members.get(name)
    except BadAnswer:
        return None
