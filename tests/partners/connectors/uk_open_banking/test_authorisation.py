"""What is particular to UK Open Banking's consents and refusals."""

import json
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from partners.connectors.base import (
    AuthorisationRevoked,
    BadAnswer,
    BankRefused,
    ConsentTerms,
    Request,
    Response,
    drive,
)
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from tests.contracts.connectors.dialects import (
    ADDRESS,
    GRANT,
    NOW,
    V4,
    UkDialect,
    answer,
)

bank = UkOpenBanking(ADDRESS)
dialect = UkDialect(V4)
VERIFIER = "v" * 43


def begun(terms: ConsentTerms, consent: Response | None = None) -> tuple[list[Request], str]:
    seen: list[Request] = []
    waiting: Iterator[Response] = iter([dialect.token(), consent or dialect.consent()])

    def note(request: Request) -> Response:
        seen.append(request)
        return next(waiting)

    steps = bank.begin_authorisation(terms=terms, state="s", nonce="n", code_verifier=VERIFIER)
    return seen, drive(steps, note).url


def test_begin_asks_for_a_token_of_our_own_and_lays_a_consent_with_it() -> None:
    terms = ConsentTerms(
        expires_at=datetime(2026, 6, 28, 10, 0, tzinfo=UTC), transactions_from=date(2026, 1, 1)
    )

    (token, consent), url = begun(terms)

    assert (token.method, token.url) == ("POST", ADDRESS.token_url)
    assert parse_qs(token.body.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["accounts"],
    }
    assert consent.headers["Authorization"] == "Bearer access-1"
    assert urlsplit(consent.url).path == "/open-banking/v4.0/aisp/account-access-consents"
    assert json.loads(consent.body) == {
        "Data": {
            "Permissions": [
                "ReadAccountsDetail",
                "ReadBalances",
                "ReadTransactionsCredits",
                "ReadTransactionsDebits",
                "ReadTransactionsDetail",
            ],
            "ExpirationDateTime": "2026-06-28T10:00:00+00:00",
            "TransactionFromDateTime": "2025-12-31T00:00:00+00:00",
        },
        "Risk": {},
    }
    assert parse_qs(urlsplit(url).query)["openbanking_intent_id"] == ["consent-1"]


def test_begin_asks_for_no_more_than_was_chosen() -> None:
    terms = ConsentTerms(
        expires_at=NOW, transactions_from=date(2026, 1, 1), balances=True, transactions=False
    )

    (_token, consent), _url = begun(terms)

    data = json.loads(consent.body)["Data"]
    assert data["Permissions"] == ["ReadAccountsDetail", "ReadBalances"]
    assert "TransactionFromDateTime" not in data


@pytest.mark.parametrize("status", ["RJCT", "AUTH", "CANC", "Revoked"])
def test_begin_refuses_a_consent_that_is_not_the_customers_to_decide(status: str) -> None:
    consent = answer({"Data": {"ConsentId": "c", "Status": status}}, 201)

    with pytest.raises(BankRefused):
        begun(ConsentTerms(expires_at=NOW), consent)


@pytest.mark.parametrize("consent_id", ["", "..", "a\nb", "x" * 129, None, 5])
def test_begin_refuses_a_consent_without_a_proper_name(consent_id: object) -> None:
    consent = answer({"Data": {"ConsentId": consent_id, "Status": "AWAU"}}, 201)

    with pytest.raises(BadAnswer):
        begun(ConsentTerms(expires_at=NOW), consent)


def test_client_credentials_are_encoded_before_they_are_joined() -> None:
    awkward = UkOpenBanking(replace(ADDRESS, client_id="id:1", client_secret="s ecret%"))

    request = next(awkward.refresh(refresh_token="r", at=NOW))

    expected = b64encode(b"id%3A1:s+ecret%25").decode()
    assert request.headers["Authorization"] == f"Basic {expected}"


@pytest.mark.parametrize("expires_in", ["600", -1, True, 1.5, [600]])
def test_a_lifetime_that_is_no_number_of_seconds_is_refused(expires_in: object) -> None:
    steps = bank.exchange(code="c", code_verifier=VERIFIER, at=NOW)

    with pytest.raises(BadAnswer):
        drive(steps, lambda _request: dialect.token(expires_in=expires_in))


@pytest.mark.parametrize(
    "code", ["U009", "U028", "UK.OBIE.Reauthenticate", "UK.OBIE.Resource.InvalidConsentStatus"]
)
@pytest.mark.parametrize("status", [400, 401, 403])
def test_a_consent_that_is_over_is_told_from_a_token_that_is(status: int, code: str) -> None:
    told = answer({"Errors": [{"ErrorCode": code, "Message": "over"}]}, status)

    with pytest.raises(AuthorisationRevoked):
        drive(bank.accounts(grant=GRANT), lambda _request: told)


def test_a_refusal_carries_the_banks_code() -> None:
    told = answer({"Errors": [{"ErrorCode": "U008", "Message": "private"}]}, 400)

    with pytest.raises(BankRefused) as refused:
        drive(bank.accounts(grant=GRANT), lambda _request: told)

    assert refused.value.code == "U008"
    assert "private" not in str(refused.value)


def test_a_consent_that_the_bank_does_not_find_has_ended() -> None:
    missing = answer({"Errors": [{"ErrorCode": "U011"}]}, 400)
    waiting = iter([dialect.token(), missing])

    drive(bank.revoke_consent(bank_consent_id="c-1"), lambda _request: next(waiting))
