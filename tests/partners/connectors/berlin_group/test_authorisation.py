"""What is particular to the Berlin Group's consents, tokens and refusals."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BankRefused,
    ConsentTerms,
    DayUsedUp,
    PeriodRefused,
    RateLimited,
    Request,
    Response,
    drive,
)
from partners.connectors.berlin_group.connector import BerlinGroup
from tests.contracts.connectors.dialects import (
    ADDRESS,
    GRANT,
    NOW,
    BerlinGroupDialect,
    answer,
)

bank = BerlinGroup(ADDRESS)
dialect = BerlinGroupDialect()
TERMS = ConsentTerms(expires_at=NOW + timedelta(days=90))


def laid(terms: ConsentTerms = TERMS, *, customer_ip: str = "") -> tuple[Request, str]:
    """The request that lays a consent, and where the customer is sent then."""
    steps = bank.begin_authorisation(
        terms=terms, state="s", nonce="n", code_verifier="v" * 43, customer_ip=customer_ip
    )
    next(steps)
    request = steps.send(dialect.token())
    with pytest.raises(StopIteration) as ended:
        steps.send(dialect.consent())
    return request, ended.value.value.url


@pytest.mark.parametrize(
    ("terms", "access"),
    [
        (TERMS, {"accounts": [], "balances": [], "transactions": []}),
        (
            ConsentTerms(expires_at=NOW, transactions=False),
            {"accounts": [], "balances": []},
        ),
        (
            ConsentTerms(expires_at=NOW, transactions=False, balances=False),
            {"accounts": []},
        ),
    ],
)
def test_a_consent_asks_for_no_more_than_the_customer_chose(
    terms: ConsentTerms, access: dict[str, list[object]]
) -> None:
    request, _url = laid(terms)

    assert json.loads(request.body)["access"] == access


def test_a_consent_lasts_until_the_day_on_which_it_ends_at_the_bank() -> None:
    late = datetime(2026, 6, 28, 23, 30, tzinfo=UTC)
    in_rome = BerlinGroup(
        type(ADDRESS)(
            **{
                name: getattr(ADDRESS, name)
                for name in ADDRESS.__dataclass_fields__
                if name != "zone"
            },
            zone=ZoneInfo("Europe/Rome"),
        )
    )
    steps = in_rome.begin_authorisation(
        terms=ConsentTerms(expires_at=late), state="s", nonce="n", code_verifier="v" * 43
    )
    next(steps)

    request = steps.send(dialect.token())

    assert json.loads(request.body)["validUntil"] == "2026-06-29"


def test_the_customer_is_sent_with_the_consent_in_the_scope() -> None:
    _request, url = laid()

    assert parse_qs(urlsplit(url).query)["scope"] == ["AIS:consent-1"]


@pytest.mark.parametrize(
    ("customer_ip", "told"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("2001:db8::7", ADDRESS.our_ip),  # the header has room for version 4 alone
        ("", ADDRESS.our_ip),
        ("testclient\r\nX: 1", ADDRESS.our_ip),
    ],
)
def test_the_bank_is_told_from_where_the_customer_came(customer_ip: str, told: str) -> None:
    request, _url = laid(customer_ip=customer_ip)

    assert request.headers["PSU-IP-Address"] == told


def test_a_consent_that_needs_no_yes_any_more_is_not_taken() -> None:
    steps = bank.begin_authorisation(terms=TERMS, state="s", nonce="n", code_verifier="v" * 43)
    next(steps)
    steps.send(dialect.token())

    with pytest.raises(BankRefused):
        steps.send(answer({"consentStatus": "valid", "consentId": "consent-1"}, 201))


def test_every_question_names_the_consent() -> None:
    request = next(bank.accounts(grant=GRANT))

    assert request.headers["Consent-ID"] == GRANT.bank_consent_id
    assert request.headers["Authorization"] == f"Bearer {GRANT.access_token}"
    assert GRANT.access_token not in repr(GRANT)


@pytest.mark.parametrize(
    ("status", "code", "means"),
    [
        (401, "CONSENT_EXPIRED", AuthorisationRevoked),
        (403, "CONSENT_UNKNOWN", AuthorisationRevoked),
        (401, "TOKEN_EXPIRED", AuthorisationExpired),
        (401, "TOKEN_INVALID", AuthorisationExpired),
        (403, "RESOURCE_UNKNOWN", BankRefused),
        (403, "SERVICE_BLOCKED", BankRefused),
        (400, "FORMAT_ERROR", BankRefused),
        (400, "PERIOD_INVALID", PeriodRefused),
        (429, "ACCESS_EXCEEDED", RateLimited),
    ],
)
def test_message_codes_say_what_is_over(status: int, code: str, means: type[Exception]) -> None:
    with pytest.raises(means) as raised:
        drive(bank.accounts(grant=GRANT), lambda _request: dialect.refused(status, code))

    if isinstance(raised.value, BankRefused):
        assert (raised.value.code, raised.value.status) == (code, status)


def test_a_problem_says_the_same_as_messages() -> None:
    told = answer({"type": "about:blank", "title": "Over", "code": "CONSENT_EXPIRED"}, 401)

    with pytest.raises(AuthorisationRevoked):
        drive(bank.accounts(grant=GRANT), lambda _request: told)


DATE = {"Date": "Mon, 30 Mar 2026 09:00:00 GMT"}


@pytest.mark.parametrize(
    ("code", "headers", "means", "seconds"),
    [
        # Until midnight in London, in summer.
        ("ACCESS_EXCEEDED", DATE, DayUsedUp, 14 * 3600),
        ("ACCESS_EXCEEDED", {}, DayUsedUp, None),
        ("ACCESS_EXCEEDED", DATE | {"Retry-After": "7"}, RateLimited, 7),
        ("ACCESS_EXCEEDED", DATE | {"RateLimit-Reset": "90"}, RateLimited, 90),
        ("SERVICE_BLOCKED", DATE, RateLimited, None),
    ],
)
def test_access_exceeded_is_of_a_day_where_the_bank_does_not_say_until_when(
    code: str, headers: dict[str, str], means: type[RateLimited], seconds: int | None
) -> None:
    told = [dialect.refused(429, code), answer({"type": "about:blank", "code": code}, 429)]
    for each in told:
        answered = replace(each, headers={**each.headers, **headers})
        with pytest.raises(RateLimited) as limited:
            drive(bank.accounts(grant=GRANT), lambda _request, said=answered: said)

        assert type(limited.value) is means
        assert limited.value.retry_after == (
            None if seconds is None else timedelta(seconds=seconds)
        )


@pytest.mark.parametrize(
    ("then", "means"),
    [
        (dialect.consent_status("valid"), BankRefused),
        (dialect.consent_status("expired"), AuthorisationRevoked),
        (dialect.consent_status("revokedByPsu"), AuthorisationRevoked),
        (dialect.refused(401, "CONSENT_INVALID"), AuthorisationRevoked),
        (Response(403), AuthorisationRevoked),
        (Response(429, {"Retry-After": "7"}), RateLimited),
    ],
)
def test_an_invalid_consent_is_asked_for_before_the_customer_is(
    then: Response, means: type[Exception]
) -> None:
    steps = bank.balances(grant=GRANT, account_external_id="acc-0666")
    next(steps)

    asked = steps.send(dialect.refused(401, "CONSENT_INVALID"))
    with pytest.raises(means):
        steps.send(then)

    assert asked.url == f"{ADDRESS.base_url}/psd2/v1/consents/consent-1/status"


@pytest.mark.parametrize("code", ["CONSENT_EXPIRED", "CONSENT_UNKNOWN", "RESOURCE_UNKNOWN"])
def test_a_consent_that_is_over_needs_no_ending(code: str) -> None:
    steps = bank.revoke_consent(bank_consent_id="consent-1")
    next(steps)
    steps.send(dialect.token())

    with pytest.raises(StopIteration):
        steps.send(dialect.refused(403, code))


@pytest.mark.parametrize(
    ("status", "said", "calls"),
    [
        (200, {"frequencyPerDay": 4}, 4),
        (200, {"frequencyPerDay": 0}, 1),
        (200, {"frequencyPerDay": 10**9}, 1440),
        (200, {"frequencyPerDay": True}, 4),
        (200, {"frequencyPerDay": "often"}, 4),
        (200, {}, 4),
        (403, {"tppMessages": []}, 4),
    ],
)
def test_how_often_a_day_it_may_be_asked_is_what_the_consent_grants(
    status: int, said: dict[str, object], calls: int
) -> None:
    steps = bank.calls_a_day(grant=GRANT)
    request = next(steps)
    with pytest.raises(StopIteration) as ended:
        steps.send(Response(status, {}, json.dumps(said).encode()))
    assert request.url.endswith(f"/consents/{GRANT.bank_consent_id}")
    assert ended.value.value == calls
