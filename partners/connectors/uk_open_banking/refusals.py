"""What refusals mean to our own credentials."""

from http import HTTPStatus

from partners.connectors.answers import refusal_code
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BankRefused,
    Response,
)
from partners.connectors.refusals import expect


def expect_from_us(response: Response, status: HTTPStatus) -> None:
    """Expect a status where our own credentials asked: no customer can mend a refusal."""
    try:
        expect(response, status)
    except (AuthorisationExpired, AuthorisationRevoked):
        raise BankRefused(refusal_code(None, response.status)) from None
