"""What refusals mean to our own credentials, and at the token endpoint (RFC 6749 section 5.2)."""

from http import HTTPStatus

from partners.connectors.answers import REFUSED, raise_for_trouble, refusal_code
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BankRefused,
    Response,
)
from partners.connectors.refusals import expect, member


def expect_from_us(response: Response, status: HTTPStatus) -> None:
    """Expect a status where our own credentials asked: no customer can mend a refusal."""
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
    code = refusal_code(member(response, "error"), response.status)
    if code == "invalid_grant":
        raise AuthorisationRevoked
    raise BankRefused(code)
