"""UK Open Banking's own files judge what we ask, and answer in all the ways they allow."""

import json
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from partners.connectors.base import ConsentTerms, Request, Response, Steps, drive
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    NOW,
    V4,
    V31,
    Row,
    UkDialect,
    UkWords,
)
from tests.contracts.connectors.official import Specification

FILES = {"v4.0": "account-info-openapi.yaml", "v3.1": "account-info-openapi.v3.1.11.yaml"}
# What the standard's schemas allow and we still cannot keep: money that is not exact.
INEXACT = {"finer than the currency's minor unit", "not a currency with a minor unit"}

both = pytest.mark.parametrize("words", [V4, V31], ids=["v4.0", "v3.1"])
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
def standard(shared: Path, words: UkWords) -> Specification:
    return read_once(shared / "specs" / "uk-open-banking" / FILES[words.version])


def every_request(words: UkWords) -> list[Request]:
    """All that we ask of the account information API."""
    bank, dialect = UkOpenBanking(ADDRESS, words.version), UkDialect(words)
    terms = ConsentTerms(expires_at=NOW + timedelta(days=90), transactions_from=date(2026, 1, 1))
    walks: list[tuple[Steps[object], list[Response]]] = [
        (
            bank.begin_authorisation(terms=terms, state="s", nonce="n", code_verifier="v" * 43),
            [dialect.token(), dialect.consent()],
        ),
        (bank.revoke_consent(bank_consent_id="c-1"), [dialect.token(), Response(204)]),
        (bank.accounts(grant=GRANT), [dialect.accounts(["current"])]),
        (
            bank.balances(grant=GRANT, account_external_id=ACCOUNT),
            [dialect.balances(amount="1.00", credit=True)],
        ),
        (
            bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1)),
            [dialect.page([Row()])],
        ),
    ]
    asked: list[Request] = []
    for steps, responses in walks:
        waiting = iter(responses)

        def note(request: Request, waiting=waiting) -> Response:  # type: ignore[no-untyped-def]
            asked.append(request)
            return next(waiting)

        drive(steps, note)
    return [request for request in asked if request.url != ADDRESS.token_url]


@both
def test_what_we_ask_is_in_the_standard(words: UkWords, standard: Specification) -> None:
    requests = every_request(words)

    assert len(requests) == 5
    assert [list(standard.complaints(request)) for request in requests] == [[]] * 5


@both
def test_the_judge_finds_fault_where_there_is_one(words: UkWords, standard: Specification) -> None:
    base = f"{ADDRESS.base_url}/open-banking/{words.version}/aisp"
    headers = {"Authorization": "Bearer a", "Content-Type": "application/json"}
    wrong = [
        Request("GET", f"{base}/account", headers),
        Request("PUT", f"{base}/accounts", headers),
        Request("GET", f"{base}/accounts/1/transactions?from=2026-01-01", headers),
        Request("GET", f"{base}/accounts", {}),
        Request("POST", f"{base}/account-access-consents", headers, b'{"Data": {}}'),
    ]

    assert [bool(list(standard.complaints(request))) for request in wrong] == [True] * 5


@pytest.mark.slow
@some
@both
@given(data=st.data())
def test_transactions_that_the_standard_allows_are_read(
    words: UkWords, standard: Specification, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(standard.named("OBTransaction6"), min_size=1, max_size=4))
    for row in rows:
        row["AccountId"] = ACCOUNT
        row.pop("CurrencyExchange", None)  # random currencies are a mix-up, and refused as one
    body = json.dumps({"Data": {"Transaction": rows}}).encode()
    steps = UkOpenBanking(ADDRESS, words.version).transactions(
        grant=GRANT, account_external_id=ACCOUNT, since=date(2026, 3, 1)
    )

    page = drive(steps, lambda _request: Response(200, {}, body))

    assert {row.reason for row in page.rejected} <= INEXACT
    entries = [row for row in rows if row["Status"] in {"BOOK", "PDNG", "Booked", "Pending"}]
    assert len(page.records) >= len(entries) - len(page.rejected)


@some
@both
@given(data=st.data())
def test_accounts_that_the_standard_allows_are_read(
    words: UkWords, standard: Specification, data: st.DataObject
) -> None:
    rows = data.draw(st.lists(standard.named("OBAccount6"), min_size=1, max_size=4))
    for position, row in enumerate(rows):
        row["AccountId"] = f"acc-{position}"
    body = json.dumps({"Data": {"Account": rows}}).encode()

    listed = drive(
        UkOpenBanking(ADDRESS, words.version).accounts(grant=GRANT),
        lambda _request: Response(200, {}, body),
    )

    # Only an account that has been switched away may lack its currency.
    lacking = {position for position, row in enumerate(rows) if "Currency" not in row}
    assert {row.position for row in listed.rejected if row.reason not in INEXACT} <= lacking
