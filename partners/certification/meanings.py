"""What a failure that the connector names means to the engineer whose bank it was."""

from __future__ import annotations

from http import HTTPStatus

from partners.certification.report import Finding
from partners.certification.wire import not_json, redirected
from partners.connectors.answers import raise_for_trouble
from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BankRefused,
    ConnectorFailure,
    RateLimited,
    Response,
    TemporarilyUnavailable,
)


def trouble_of(response: Response) -> Finding | None:
    """What is wrong with an answer whatever was asked: too often, not now, elsewhere."""
    elsewhere = redirected(response)
    if elsewhere is not None:
        return elsewhere
    try:
        raise_for_trouble(response)
    except ConnectorFailure as failure:
        return meaning_of(failure, response)
    return None


def meaning_of(failure: ConnectorFailure, response: Response | None) -> Finding:
    """In words, with the last answer that came."""
    status = response.status if response else 0
    match failure:
        case RateLimited():
            return _too_many(failure)
        case TemporarilyUnavailable():
            return _unavailable(status)
        case BadAnswer():
            return _bad_answer(failure, response)
    return _refused(failure, status)


def _refused(failure: ConnectorFailure, status: int) -> Finding:
    match failure:
        case AuthorisationExpired():
            return Finding(
                "token_not_taken",
                "The bank answered 401 to a token that it had just given.",
                "Take the token in the Authorization header (RFC 6750), for as long as expires_in said.",
            )
        case AuthorisationRevoked():
            return Finding(
                "consent_over",
                f"The bank says ({status}) that the authorisation is over.",
                "Keep the consent until it expires or somebody ends it.",
            )
    code = failure.code if isinstance(failure, BankRefused) else str(failure)
    return Finding(
        "refused",
        f"The bank refused: {code} ({status}).",
        "The request is as the standard describes; see below what was asked.",
    )


def _too_many(failure: RateLimited) -> Finding:
    if failure.retry_after is None:
        return Finding(
            "too_many_requests",
            "The bank says that we ask too often (429), and not until when.",
            "Say how many seconds to wait in Retry-After; and allow a few requests a second per customer.",
        )
    return Finding(
        "too_many_requests",
        "The bank says that we ask too often (429), and again after the "
        f"{failure.retry_after.total_seconds():g} s that it asked us to wait.",
        "Let a request through once Retry-After is over; and allow a few requests a second per customer.",
    )


def _unavailable(status: int) -> Finding:
    if status == HTTPStatus.SERVICE_UNAVAILABLE:
        return Finding(
            "unavailable",
            "The bank says that it is not available now (503).",
            "Try again when it is; say when in Retry-After.",
        )
    return Finding(
        "server_error",
        f"The bank's server failed ({status}).",
        "Look into its log at the time of this request, by x-fapi-interaction-id.",
    )


def _bad_answer(failure: BadAnswer, response: Response | None) -> Finding:
    wrong = not_json(response) if response else None
    if wrong is not None:
        return wrong
    where = failure.field or "the whole"
    return Finding(
        "not_as_described",
        f"The answer is not what the standard describes: {where}: {failure.reason}.",
        f"Correct {where} in the answer below.",
    )
