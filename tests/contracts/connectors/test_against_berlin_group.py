"""The Berlin Group's own file judges what we ask, and answers in all the ways it allows."""

import json
from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.connectors.base import ConsentTerms, Request, Response, Steps, drive
from partners.connectors.berlin_group.connector import BerlinGroup
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    NOW,
    BerlinGroupDialect,
    Row,
)
from tests.contracts.connectors.official import Specification

# What the standard's schemas allow and we still cannot keep: money that is not exact, and no day.
INEXACT = {"finer than the currency's minor unit", "not a currency with a minor unit"}
UNDATED = {"neither a booking date nor a value date"}
BANK, DIALECT = BerlinGroup(ADDRESS), BerlinGroupDialect()

some = settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)


@cache
def read_once(path: Path) -> Specification:
    return Specification.read(path)


@pytest.fixture
def standard(shared: Path) -> Specification:
    return read_once(shared / "specs/berlin-group/psd2-api_v1.3.11-2021-10-01v1.yaml")


def as_sent(request: Request) -> Request:
    """With its own id, as the runner sends it."""
    return replace(request, headers={**request.headers, "X-Request-ID": str(uuid4())})


def every_request() -> list[Request]:
    """All that we ask of the account information API."""
    terms = ConsentTerms(expires_at=NOW + timedelta(days=90), transactions_from=date(2026, 1, 1))
    walks: list[tuple[Steps[object], list[Response]]] = [
        (
            BANK.begin_authorisation(
                terms=terms,
                state="s",
                nonce="n",
                code_verifier="v" * 43,
                customer_ip="203.0.113.7",
            ),
            [DIALECT.token(), DIALECT.consent()],
        ),
        (BANK.revoke_consent(bank_consent_id="c-1"), [DIALECT.token(), Response(204)]),
        (BANK.accounts(grant=GRANT), [DIALECT.accounts(["current"])]),
        (
            BANK.balances(grant=GRANT, account_external_id=ACCOUNT),
            [DIALECT.balances(amount="1.00", credit=True)],
        ),
        (
            BANK.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1)),
            [DIALECT.page([Row()])],
        ),
    ]
    asked: list[Request] = []
    for steps, responses in walks:
        waiting = iter(responses)

        def note(request: Request, waiting=waiting) -> Response:  # type: ignore[no-untyped-def]
            asked.append(request)
            return next(waiting)

        drive(steps, note)
    # A consent that seems to have ended is asked for.
    steps = BANK.accounts(grant=GRANT)
    next(steps)
    asked.append(steps.send(DIALECT.refused(401, "CONSENT_INVALID")))
    return [as_sent(request) for request in asked if request.url != ADDRESS.token_url]


def test_what_we_ask_is_in_the_standard(standard: Specification) -> None:
    requests = every_request()

    assert len(requests) == 6
    assert [list(standard.complaints(request)) for request in requests] == [[]] * 6


def test_the_judge_finds_fault_where_there_is_one(standard: Specification) -> None:
    base = f"{ADDRESS.base_url}/psd2/v1"
    headers = {"X-Request-ID": str(uuid4()), "Consent-ID": "c", "Content-Type": "application/json"}
    wrong = [
        Request("GET", f"{base}/account", headers),
        Request("PUT", f"{base}/accounts", headers),
        Request("GET", f"{base}/accounts", headers | {"X-Request-ID": "7"}),
        Request("GET", f"{base}/accounts", {"X-Request-ID": str(uuid4())}),
        Request("GET", f"{base}/accounts/1/transactions", headers),
        Request("GET", f"{base}/accounts/1/transactions?bookingStatus=most", headers),
        Request("POST", f"{base}/consents", headers | {"PSU-IP-Address": "192.0.2.1"}, b"{}"),
    ]

    assert [bool(list(standard.complaints(request))) for request in wrong] == [True] * 7


@pytest.mark.slow
@some
@given(data=st.data())
def test_transactions_that_the_standard_allows_are_read(
    standard: Specification, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(standard.named("transactions"), min_size=1, max_size=4))
    for row in rows:
        row.pop("currencyExchange", None)  # random currencies are a mix-up, and refused as one
    listed = {"booked": rows[:2], "pending": rows[2:], "_links": {"account": {"href": "x"}}}
    body = json.dumps({"transactions": listed}).encode()
    steps = BANK.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1))

    page = drive(steps, lambda _request: Response(200, {}, body))

    assert {row.reason for row in page.rejected} <= INEXACT | UNDATED
    assert len(page.records) + len(page.rejected) == len(rows)


@some
@given(data=st.data())
def test_accounts_that_the_standard_allows_are_read(
    standard: Specification, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(standard.named("accountDetails"), min_size=1, max_size=4))
    for position, row in enumerate(rows):
        row["resourceId"] = f"acc-{position}"
    body = json.dumps({"accounts": rows}).encode()

    listed = drive(BANK.accounts(grant=GRANT), lambda _request: Response(200, {}, body))

    assert {row.reason for row in listed.rejected} <= INEXACT


@some
@given(data=st.data())
def test_balances_that_the_standard_allows_are_read(
    standard: Specification, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(standard.named("balance"), min_size=1, max_size=4))
    for row in rows:
        row["balanceAmount"] = {"amount": "-12.30", "currency": "EUR"}
    told = Response(
        200, {"Date": "Mon, 30 Mar 2026 09:00:00 GMT"}, json.dumps({"balances": rows}).encode()
    )

    found = drive(BANK.balances(grant=GRANT, account_external_id=ACCOUNT), lambda _request: told)

    assert {balance.amount_minor for balance in found} <= {-1230}
    assert len({balance.kind for balance in found}) == len(found)
