"""What a refusal has to look like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http import HTTPStatus

from partners.certification.meanings import trouble_of
from partners.certification.report import Finding
from partners.connectors.base import Response

_DONE = range(200, 300)


def expect_refusal(
    response: Response, *statuses: HTTPStatus, of: str, errors: bool = True
) -> Iterator[Finding]:
    """What is wrong with the refusal `of` something; with an error body of the standard, if `errors`."""
    wanted = " or ".join(str(status.value) for status in statuses)
    if response.status in _DONE:
        yield Finding(
            "accepted",
            f"The bank answered {response.status} to {of}.",
            f"Refuse it with {wanted}.",
        )
        return
    trouble = trouble_of(response)
    if trouble is not None:
        yield trouble
        return
    if response.status not in statuses:
        yield Finding(
            "another_status",
            f"The bank refused {of} with {response.status}; the standard says {wanted}.",
            f"Answer {wanted}: what we do next depends on it.",
        )
    if errors and not has_error_code(response):
        yield Finding(
            "no_error_code",
            f"The refusal of {of} does not say why in a form that a program can read.",
            'Answer with {"Errors": [{"ErrorCode": "U008", "Message": "..."}]}, as OBErrorResponse1 '
            "describes it.",
            harmless=True,
        )


def has_error_code(response: Response) -> bool:
    try:
        errors = json.loads(response.body).get("Errors")
        return bool(errors) and all(isinstance(each["ErrorCode"], str) for each in errors)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return False


def expect_oauth_error(response: Response, error: str, of: str) -> Iterator[Finding]:
    """What is wrong with a token endpoint's refusal (RFC 6749, section 5.2)."""
    wrong_client = error == "invalid_client"
    statuses = (
        (HTTPStatus.UNAUTHORIZED, HTTPStatus.BAD_REQUEST)
        if wrong_client
        else (HTTPStatus.BAD_REQUEST,)
    )
    found = list(expect_refusal(response, *statuses, of=of, errors=False))
    yield from found
    if found:
        return
    try:
        said = json.loads(response.body)["error"]
    except (ValueError, TypeError, KeyError, RecursionError):
        said = None
    if said != error:
        yield Finding(
            "another_error",
            f"The refusal of {of} does not say {error}.",
            f'Answer with {{"error": "{error}"}}: by it we know whether the customer has to link again.',
        )
