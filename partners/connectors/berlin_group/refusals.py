"""What refusals mean: `tppMessages` of the standard, or its problem details (RFC 7807)."""

from collections.abc import Iterator
from http import HTTPStatus

from partners.connectors.answers import (
    REFUSED,
    raise_for_trouble,
    read_json,
    refusal_code,
    until_tomorrow,
)
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BankAddress,
    BankRefused,
    ConnectorFailure,
    DayUsedUp,
    Grant,
    PeriodRefused,
    RateLimited,
    Response,
    Steps,
)
from partners.connectors.berlin_group import calls
from partners.connectors.berlin_group.words import EXCEEDED, GIVEN, GONE, INVALID, OVER, PERIOD
from partners.connectors.refusals import member

_MAX_MESSAGES = 20


def expected(
    response: Response, status: HTTPStatus, *, address: BankAddress, grant: Grant
) -> Steps[Response]:
    """The answer, where it has this status; raises what a refusal of a customer's grant means.

    CONSENT_INVALID is said of a consent that has ended, and of one that does not reach this account: so
    the consent itself is asked for, before the customer is sent to the bank again. ACCESS_EXCEEDED is of a day;
    the standard has no header that says until when.
    """
    try:
        _expect(response, status)
    except RateLimited as limited:
        if limited.retry_after is None and EXCEEDED in _codes(response):
            raise DayUsedUp(until_tomorrow(response, address.zone)) from None
        raise
    except _ConsentInvalid as invalid:
        told = yield calls.status_of(address, grant)
        if _is_given(told):
            raise BankRefused(INVALID, invalid.status) from None
        raise AuthorisationRevoked from None
    return response


def expect_from_us(response: Response, status: HTTPStatus) -> None:
    """Expect a status where our own credentials asked: no customer can mend a refusal."""
    try:
        _expect(response, status)
    except (AuthorisationExpired, AuthorisationRevoked, _ConsentInvalid):
        code = next(_codes(response), refusal_code(None, response.status))
        raise BankRefused(code, response.status) from None


class _ConsentInvalid(ConnectorFailure):
    def __init__(self, status: int) -> None:
        super().__init__("the consent does not allow this")
        self.status = status


def _expect(response: Response, status: HTTPStatus) -> None:
    raise_for_trouble(response)
    if response.status == status:
        return
    if response.status not in REFUSED:
        raise BadAnswer("a status that the interface does not have here")
    codes = tuple(_codes(response))
    if OVER.intersection(codes):
        raise AuthorisationRevoked
    if INVALID in codes:
        raise _ConsentInvalid(response.status)
    if response.status == HTTPStatus.UNAUTHORIZED:
        raise AuthorisationExpired
    if PERIOD in codes:
        raise PeriodRefused(PERIOD, response.status)
    raise BankRefused(next(iter(codes), refusal_code(None, response.status)), response.status)


def _is_given(told: Response) -> bool:
    raise_for_trouble(told)
    if told.status != HTTPStatus.OK:
        return False
    return read_json(told).string("consentStatus") in GIVEN


def is_gone(refused: BankRefused) -> bool:
    """Whether what should be ended is not there any more."""
    return refused.code in GONE


def _codes(response: Response) -> Iterator[str]:
    """The codes of an error's body: of its messages, or its own where it is a problem."""
    messages = member(response, "tppMessages")
    listed = messages[:_MAX_MESSAGES] if isinstance(messages, list) else []
    said = [each.get("code") for each in listed if isinstance(each, dict)]
    for code in (*said, member(response, "code")):
        if isinstance(code, str):
            yield refusal_code(code, response.status)
