"""What refusals mean: an `error_code` beside a status that says little."""

from http import HTTPStatus

from partners.connectors.answers import (
    REFUSED,
    raise_for_trouble,
    refusal_code,
    retry_after,
)
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BadCursor,
    BankRefused,
    PagesMoved,
    RateLimited,
    Response,
    TemporarilyUnavailable,
)
from partners.connectors.cursor_sync.words import (
    BAD_CURSOR,
    MOVED,
    NOT_NOW,
    OVER,
    TOKEN,
    TOO_OFTEN,
)
from partners.connectors.refusals import member


def expect(response: Response, *, after: str = "") -> None:
    """Raise what an answer to a customer's token means, unless it is good.

    `after`: the cursor that was asked with.
    """
    raise_for_trouble(response)
    if response.status == HTTPStatus.OK:
        return
    if response.status not in REFUSED:
        raise BadAnswer("a status that the interface does not have here")
    code = refusal_code(member(response, "error_code"), response.status)
    _raise_for_code(code, response)
    if after and code in BAD_CURSOR:
        raise BadCursor
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise AuthorisationExpired
    raise BankRefused(code, response.status)


def _raise_for_code(code: str, response: Response) -> None:
    if code == MOVED:
        raise PagesMoved
    if code == TOO_OFTEN:
        raise RateLimited(retry_after(response))
    if code in NOT_NOW:
        raise TemporarilyUnavailable(retry_after(response))
    if code in OVER:
        raise AuthorisationRevoked
    if code in TOKEN:
        raise AuthorisationExpired


def expect_from_us(response: Response) -> None:
    """Expect a good answer where our own credentials asked: no customer can mend a refusal."""
    if response.status == HTTPStatus.NO_CONTENT:
        return
    try:
        expect(response)
    except (AuthorisationExpired, AuthorisationRevoked):
        code = refusal_code(member(response, "error_code"), response.status)
        raise BankRefused(code, response.status) from None
