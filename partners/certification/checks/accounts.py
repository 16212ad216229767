"""Accounts and balances, and who may not see them."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from datetime import timedelta
from http import HTTPStatus

from partners.certification.book import Chapter
from partners.certification.refusals import expect_refusal
from partners.certification.report import Finding, counted
from partners.certification.visit import PassedOver, Visit, now
from partners.certification.wire import INTERACTION_ID
from partners.connectors.base import BalanceRecord, RejectedRow, Response

chapter = Chapter("Accounts and balances")
_MOST_ACCOUNTS = 20
_AHEAD = timedelta(minutes=5)
_OLD = timedelta(days=2)


def rows_set_aside(rejected: Sequence[RejectedRow], what: str) -> Iterator[Finding]:
    """What is wrong with rows that could not be read, each kind once."""
    for field, reason in dict.fromkeys((row.field, row.reason) for row in rejected):
        places = [row.position for row in rejected if (row.field, row.reason) == (field, reason)]
        yield Finding(
            "row_unreadable",
            f"{counted(len(places), what)} cannot be read: {field}: {reason} (the first is number "
            f"{places[0] + 1}).",
            f"Correct {field}. We set such a row aside and show it to nobody.",
        )


@chapter.check(
    "accounts.list",
    "It lists the accounts",
    "GET /accounts gives every account that the customer allowed, with AccountId and Currency.",
    source="UK Open Banking 4.0, accounts (OBReadAccount6)",
    needs=("token.exchange",),
)
def list_accounts(visit: Visit) -> Iterator[Finding]:
    listed = visit.ask(visit.connector.accounts(grant=visit.grant))
    visit.accounts = listed.records
    visit.told = counted(len(listed.records), "account")
    yield from rows_set_aside(listed.rejected, "account")
    if not listed.records and not listed.rejected:
        yield Finding(
            "no_accounts",
            "The list is empty, though the customer allowed accounts.",
            "List what they chose on your page.",
        )
    if any(not each.name for each in listed.records):
        yield Finding(
            "no_names",
            "Some accounts have neither Nickname nor Description.",
            "Give the name by which the customer knows the account.",
            harmless=True,
        )
    if any(each.kind == "other" for each in listed.records):
        yield Finding(
            "no_type",
            "Some accounts have no type that we know.",
            "Give AccountTypeCode (CACC, SVGS, CARD, ...) in 4.0, AccountSubType in 3.1.",
            harmless=True,
        )


@chapter.check(
    "accounts.stable",
    "An account keeps its id",
    "The same AccountIds come again when they are asked for again.",
    source="docs/for-banks.md, Accounts",
    needs=("accounts.list",),
)
def stable(visit: Visit) -> Iterator[Finding]:
    again = visit.ask(visit.connector.accounts(grant=visit.grant))
    before = {each.external_id for each in visit.accounts}
    if before != {each.external_id for each in again.records}:
        yield Finding(
            "accounts_renamed",
            "The second list names other accounts than the first.",
            "An AccountId is unique and never changes; what a customer linked hangs on it.",
        )


def _accounts_for(visit: Visit, token: str | None) -> Response:
    return visit.get(f"{visit.api}/accounts", token)


@chapter.check(
    "accounts.no_token",
    "Without a token nothing is shown",
    "A request without Authorization is answered with 401.",
    source="RFC 6750, section 3.1",
    needs=("token.client",),
)
def no_token(visit: Visit) -> Iterator[Finding]:
    yield from expect_refusal(
        _accounts_for(visit, None),
        HTTPStatus.UNAUTHORIZED,
        of="a request without a token",
        errors=False,
    )


@chapter.check(
    "accounts.bad_token",
    "A wrong token shows nothing",
    "A token that the bank never gave is answered with 401: by that we know to renew it.",
    source="RFC 6750, section 3.1",
    needs=("token.client",),
)
def bad_token(visit: Visit) -> Iterator[Finding]:
    yield from expect_refusal(
        _accounts_for(visit, secrets.token_urlsafe(24)),
        HTTPStatus.UNAUTHORIZED,
        of="a made-up token",
        errors=False,
    )


@chapter.check(
    "accounts.unknown",
    "An account that is not there is refused",
    "An AccountId that the consent does not cover is answered with 400, 403 or 404.",
    source="UK Open Banking 4.0, accounts",
    needs=("token.exchange",),
)
def unknown(visit: Visit) -> Iterator[Finding]:
    response = visit.get(f"{visit.api}/accounts/check-bank-none/balances", visit.token)
    yield from expect_refusal(
        response,
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        of="an account that is not there",
        errors=response.status != HTTPStatus.NOT_FOUND,
    )


@chapter.check(
    "balances.read",
    "It gives balances",
    "Each account has an available balance (ITAV, or CLAV, OPAV) and a booked one (ITBD, or CLBD, OPBD) of now.",
    source="UK Open Banking 4.0, balances (OBReadBalance1)",
    needs=("accounts.list",),
)
def balances(visit: Visit) -> Iterator[Finding]:
    if not visit.accounts:
        raise PassedOver("there is no account to look at")
    found: dict[str, Finding] = {}
    for account in visit.accounts[:_MOST_ACCOUNTS]:
        read = visit.ask(
            visit.connector.balances(grant=visit.grant, account_external_id=account.external_id)
        )
        for finding in _about(read, account.currency):
            found.setdefault(finding.code, finding)
    yield from found.values()


def _about(read: Sequence[BalanceRecord], currency: str) -> Iterator[Finding]:
    if "available" not in {each.kind for each in read}:
        yield Finding(
            "no_available_balance",
            "An account has no available balance.",
            "Give one of type ITAV: alerts about a low balance go by it.",
        )
    if "booked" not in {each.kind for each in read}:
        yield Finding(
            "no_booked_balance",
            "An account has no booked balance.",
            "Give one of type ITBD.",
            harmless=True,
        )
    if any(each.currency != currency for each in read):
        yield Finding(
            "another_currency",
            "A balance has another currency than its account.",
            "Give it in the account's currency.",
        )
    if any(each.as_of > now() + _AHEAD for each in read):
        yield Finding(
            "of_the_future",
            "A balance is of a time to come.",
            "DateTime is when it was so; look at the clock, and at the offset from UTC.",
        )
    if any(each.as_of < now() - _OLD for each in read):
        yield Finding(
            "balance_of_long_ago",
            "A balance is more than two days old.",
            "Give the balance of the moment; the customer reads it as that.",
            harmless=True,
        )


manners = Chapter("Manners of the interface")


@manners.check(
    "answers.interaction_id",
    "An answer says which request it means",
    "Every answer has the x-fapi-interaction-id of its request.",
    source="UK Open Banking 4.0, headers",
    needs=("accounts.list",),
    required=False,
)
def interaction_id(visit: Visit) -> Iterator[Finding]:
    number = "93bac548-d2de-4546-b106-880a5018460d"
    visit.need_uk()
    request = next(visit.connector.accounts(grant=visit.grant))
    response = visit.wire.send_as(request, number)
    echoed = response.header(INTERACTION_ID)
    if not echoed:
        yield Finding(
            "no_interaction_id",
            "The answer has no x-fapi-interaction-id.",
            "Send the request's own back, or one of yours: it is how two logs are laid side by side.",
        )
    elif echoed.lower() != number:
        yield Finding(
            "another_interaction_id",
            "The answer has another x-fapi-interaction-id than its request.",
            "Send back the one that came.",
        )


@manners.check(
    "answers.content_type",
    "An answer says what it is",
    "JSON is answered with Content-Type: application/json.",
    source="RFC 9110, section 8.3",
    needs=("accounts.list",),
    required=False,
)
def content_type(visit: Visit) -> Iterator[Finding]:
    response = _accounts_for(visit, visit.token)
    media_type = response.header("content-type").partition(";")[0].strip().lower()
    if media_type != "application/json":
        yield Finding(
            "another_content_type",
            f"The answer calls itself {media_type or 'nothing'!r}.",
            "Say application/json.",
        )


@manners.check(
    "limits.retry_after",
    "When it is asked too often, it says until when",
    "429 comes with Retry-After in seconds, and after it a request is let through.",
    source="RFC 6585, section 4; UK Open Banking 4.0, throttling",
    needs=("accounts.list",),
    required=False,
)
def retry_after(visit: Visit) -> Iterator[Finding]:
    for _ in range(visit.target.burst):
        if visit.limited:
            break
        _accounts_for(visit, visit.token)
    if not visit.limited:
        raise PassedOver(
            "the bank never said 429; --burst 200 asks up to 200 times in a row until it does"
        )
    for response, through in visit.limited:
        if not response.header("retry-after"):
            yield Finding(
                "no_retry_after",
                "429 came without Retry-After.",
                "Say how many seconds to wait.",
            )
        elif not through:
            yield Finding(
                "held_off_too_long",
                "After the time in Retry-After the bank said 429 again, or it asked for more than a minute.",
                "Let a request through once that time is over.",
            )
