"""What every connector must do, whatever protocol it speaks."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BadCursor,
    BankRefused,
    Connector,
    ConsentTerms,
    RateLimited,
    RejectedRow,
    Response,
    TemporarilyUnavailable,
    TransactionPage,
    drive,
)
from partners.connectors.catalogue import CONNECTORS
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    DIALECTS,
    GRANT,
    NOW,
    ORIGIN,
    Dialect,
    Row,
    answer,
)
from tests.contracts.connectors.operations import (
    OPERATIONS,
    SINCE,
    VERIFIER,
    operations,
    read_page,
    replies,
)


def test_every_connector_is_in_the_suite() -> None:
    assert set(DIALECTS) == set(CONNECTORS)


# Authorisation


def test_begin_authorisation_sends_the_customer_to_the_bank_with_a_pkce_challenge(
    bank: Connector, dialect: Dialect
) -> None:
    steps = bank.begin_authorisation(
        terms=ConsentTerms(expires_at=NOW + timedelta(days=90)),
        state="state-1",
        nonce="nonce-1",
        # RFC 7636, appendix B
        code_verifier="dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    )

    begun = drive(steps, replies(dialect.token(), dialect.consent()))

    query = parse_qs(urlsplit(begun.url).query, strict_parsing=True)
    assert begun.url.startswith(f"{ADDRESS.authorize_url}?")
    assert query["code_challenge"] == ["E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"]
    assert query["code_challenge_method"] == ["S256"]
    assert query["state"] == ["state-1"]
    assert query["nonce"] == ["nonce-1"]
    assert query["redirect_uri"] == [ADDRESS.redirect_uri]
    assert begun.bank_consent_id == "consent-1"
    assert ADDRESS.client_secret not in begun.url


def test_begin_authorisation_refuses_a_weak_code_verifier(bank: Connector) -> None:
    steps = bank.begin_authorisation(
        terms=ConsentTerms(expires_at=NOW), state="s", nonce="n", code_verifier="short"
    )

    with pytest.raises(ValueError, match="43 to 128"):
        next(steps)


def test_exchange_reads_tokens_and_when_they_end(bank: Connector, dialect: Dialect) -> None:
    steps = bank.exchange(code="code-1", code_verifier=VERIFIER, at=NOW)

    tokens = drive(steps, replies(dialect.token()))

    assert tokens.access_token == "access-1"
    assert tokens.refresh_token == "refresh-1"
    assert tokens.expires_at == NOW + timedelta(seconds=600)


def test_refresh_keeps_the_refresh_token_where_the_bank_gives_no_new_one(
    bank: Connector, dialect: Dialect
) -> None:
    steps = bank.refresh(refresh_token="refresh-0", at=NOW)

    tokens = drive(steps, replies(dialect.token(refresh_token=None)))

    assert tokens.refresh_token == "refresh-0"


def test_refresh_of_an_ended_grant_says_that_only_the_customer_can_renew_it(
    bank: Connector, dialect: Dialect
) -> None:
    steps = bank.refresh(refresh_token="refresh-0", at=NOW)

    with pytest.raises(AuthorisationRevoked):
        drive(steps, replies(dialect.refused_grant()))


@pytest.mark.parametrize("token", ["two words", "line\r\nX-Evil: 1", "", "naïve", 7, ["a"]])
def test_exchange_refuses_a_token_that_is_not_fit_for_a_header(
    bank: Connector, dialect: Dialect, token: object
) -> None:
    steps = bank.exchange(code="code-1", code_verifier=VERIFIER, at=NOW)

    with pytest.raises(BadAnswer):
        drive(steps, replies(dialect.token(access_token=token)))


@pytest.mark.parametrize("status", [204, 404])
def test_revoke_consent_is_done_also_when_the_bank_has_none_any_more(
    bank: Connector, dialect: Dialect, status: int
) -> None:
    steps = bank.revoke_consent(bank_consent_id="consent-1")

    drive(steps, replies(dialect.token(), Response(status)))


def test_revoke_consent_fails_when_the_bank_refuses(bank: Connector, dialect: Dialect) -> None:
    steps = bank.revoke_consent(bank_consent_id="consent-1")

    with pytest.raises(BankRefused):
        drive(steps, replies(dialect.token(), Response(401)))


# Accounts and balances


@pytest.mark.parametrize("kind", ["current", "savings", "credit_card", "loan"])
@pytest.mark.parametrize("sign", [1, -1])
def test_signs_follow_the_bank_for_every_type_of_account(
    bank: Connector, dialect: Dialect, kind: str, sign: int
) -> None:
    listed = drive(bank.accounts(grant=GRANT), replies(dialect.accounts([kind])))
    account = listed.records[0]
    row = Row(amount="1204.50", credit=sign > 0, account=account.external_id)

    balances = drive(
        bank.balances(grant=GRANT, account_external_id=account.external_id),
        replies(dialect.balances(amount="1204.50", credit=sign > 0, account=account.external_id)),
    )
    page = drive(
        bank.transactions(grant=GRANT, account_external_id=account.external_id, since=SINCE),
        replies(dialect.page([row])),
    )

    assert account.kind == kind
    assert {(balance.kind, balance.amount_minor) for balance in balances} == {
        ("available", sign * 120_450),
        ("booked", sign * 120_450),
    }
    assert [record.amount_minor for record in page.records] == [sign * 120_450]


def test_accounts_show_no_more_than_four_characters_of_a_number(
    bank: Connector, dialect: Dialect
) -> None:
    listed = drive(bank.accounts(grant=GRANT), replies(dialect.accounts(["current"])))

    assert listed.records[0].masked_identification == "**** 0001"


def test_balances_that_name_another_account_are_refused(bank: Connector, dialect: Dialect) -> None:
    if not dialect.names_accounts:
        pytest.skip("an answer of this dialect names no account by its id")
    steps = bank.balances(grant=GRANT, account_external_id=ACCOUNT)

    with pytest.raises(BadAnswer):
        drive(steps, replies(dialect.balances(amount="1.00", credit=True, account="acc-0002")))


# Transactions


def test_transactions_are_read_pending_and_posted(bank: Connector, dialect: Dialect) -> None:
    rows = [Row("t-1", pending=True), Row("t-2")]

    page = read_page(bank, dialect.page(rows))

    assert [(row.external_id, row.status) for row in page.records] == [
        ("t-1", "pending"),
        ("t-2", "posted"),
    ]
    assert page.complete
    assert page.next_cursor is None
    assert page.covered_from == SINCE


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        ("12.30", "GBP", -1230),
        ("12.3", "EUR", -1230),
        ("12", "CHF", -1200),
        ("0.01", "USD", -1),
        ("1500", "JPY", -1500),
        ("1500.00", "JPY", -1500),
        ("1.234", "KWD", -1234),
        ("1.2340", "KWD", -1234),
        ("9999999999999.99", "GBP", -999_999_999_999_999),
    ],
)
def test_amounts_are_exact_in_minor_units(
    bank: Connector, dialect: Dialect, amount: str, currency: str, minor: int
) -> None:
    page = read_page(bank, dialect.page([Row(amount=amount, currency=currency)]))

    assert [(row.amount_minor, row.currency) for row in page.records] == [(minor, currency)]


@pytest.mark.parametrize(
    ("amount", "currency"),
    [
        ("12.305", "GBP"),
        ("1500.5", "JPY"),
        ("1.2345", "KWD"),
        ("-5.00", "GBP"),
        ("+5.00", "GBP"),
        ("5,00", "GBP"),
        ("1e3", "GBP"),
        ("NaN", "GBP"),
        ("", "GBP"),
        ("\u0665.\u0660\u0660", "GBP"),
        ("5.00", "gbp"),
        ("5.00", "XAU"),
        ("5.00", "£"),
    ],
)
def test_an_amount_that_is_not_exact_is_set_aside_and_the_page_kept(
    bank: Connector, dialect: Dialect, amount: str, currency: str
) -> None:
    rows = [Row("t-1"), Row("t-2", amount=amount, currency=currency), Row("t-3")]

    page = read_page(bank, dialect.page(rows))

    assert [row.external_id for row in page.records] == ["t-1", "t-3"]
    assert [rejected.position for rejected in page.rejected] == [1]


def test_rows_that_cannot_be_read_are_named_without_their_values(
    bank: Connector, dialect: Dialect
) -> None:
    rows = [Row("t-1", currency="0666"), Row("t-2", amount="secret"), 7, None, [], Row("t-3")]

    page = read_page(bank, dialect.page(rows))

    assert [row.external_id for row in page.records] == ["t-3"]
    assert [rejected.position for rejected in page.rejected] == [0, 1, 2, 3, 4]
    assert "secret" not in repr(page.rejected)
    assert "0666" not in repr(page.rejected)
    assert page.rejected[2] == RejectedRow(2, "", "not an object")


def test_rows_that_name_another_account_are_set_aside(bank: Connector, dialect: Dialect) -> None:
    if not dialect.names_accounts:
        pytest.skip("a row of this dialect names no account by its id")

    page = read_page(bank, dialect.page([Row("t-1", account="acc-0666"), Row("t-2")]))

    assert [row.external_id for row in page.records] == ["t-2"]
    assert [(row.position, "0666" in repr(row)) for row in page.rejected] == [(0, False)]


# The clocks of Europe/London go forward on 29 March 2026 at 01:00 UTC, and back on
# 25 October at 01:00 UTC. Each moment is written once by the bank's clock and once in UTC.
MIDNIGHTS = [
    ("2026-03-28T23:30:00+00:00", date(2026, 3, 28)),
    ("2026-03-29T00:30:00+00:00", date(2026, 3, 29)),
    ("2026-03-29T23:30:00+01:00", date(2026, 3, 29)),
    ("2026-03-29T22:30:00Z", date(2026, 3, 29)),
    ("2026-03-30T00:30:00+01:00", date(2026, 3, 30)),
    ("2026-03-29T23:30:00Z", date(2026, 3, 30)),
    ("2026-10-24T23:30:00+01:00", date(2026, 10, 24)),
    ("2026-10-25T00:30:00+01:00", date(2026, 10, 25)),
    ("2026-10-24T23:30:00Z", date(2026, 10, 25)),
    ("2026-10-25T23:30:00+00:00", date(2026, 10, 25)),
    ("2026-10-26T00:30:00+00:00", date(2026, 10, 26)),
]


@pytest.mark.parametrize(("written", "expected"), MIDNIGHTS)
def test_an_instant_falls_on_the_banks_own_day(
    bank: Connector, dialect: Dialect, written: str, expected: date
) -> None:
    page = read_page(bank, dialect.page([Row(booked=written)]))

    row = page.records[0]
    assert (row.booked_on, row.booked_on_source) == (expected, "instant")
    assert row.booked_at == datetime.fromisoformat(written).astimezone(UTC)


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Kiritimati", "Europe/Rome"])
@pytest.mark.parametrize("written", ["2026-03-29", "2026-03-29T00:00:00Z"])
def test_a_date_stays_as_it_was_written_whatever_the_zone(
    name: str, dialect: Dialect, zone: str, written: str
) -> None:
    bank = CONNECTORS[name](replace(ADDRESS, zone=ZoneInfo(zone)))

    page = read_page(bank, dialect.page([Row(booked=written)]))

    row = page.records[0]
    assert (row.booked_on, row.booked_on_source) == (date(2026, 3, 29), "date")
    assert row.booked_at is None


def test_the_next_page_is_asked_of_the_same_bank_and_ends_complete(
    bank: Connector, dialect: Dialect
) -> None:
    first = read_page(bank, dialect.page([Row("t-1")], following=dialect.following()))
    assert first.next_cursor is not None
    steps = bank.more_transactions(
        grant=GRANT, account_external_id=ACCOUNT, cursor=first.next_cursor
    )

    request = next(steps)
    with pytest.raises(StopIteration) as ended:
        steps.send(dialect.page([Row("t-2")]))

    second: TransactionPage = ended.value.value
    assert not first.complete
    assert dialect.asks_for(request, dialect.following())
    assert second.complete
    assert second.covered_from == SINCE
    assert [row.external_id for row in second.records] == ["t-2"]


ELSEWHERE = [
    "https://evil.example/open-banking/v4.0/aisp/accounts/acc-0001/transactions",
    "//evil.example/x",
    "http://api.northmoor-bank.example/open-banking/v4.0/aisp/accounts",
    "https://api.northmoor-bank.example:8443/open-banking/v4.0/aisp/accounts",
    "https://api.northmoor-bank.example.evil.example/open-banking/v4.0/aisp/accounts",
    "https://user@api.northmoor-bank.example/open-banking/v4.0/aisp/accounts",
    "https://api.northmoor-bank.example@evil.example/open-banking/v4.0/aisp/accounts",
    "https://api.northmoor-bank.example/partner/v1/card-freezes/1",
    "/admin",
    "../../../../../../admin",
    "https://api.northmoor-bank.example/open-banking/v4.0/aisp/../../../admin",
    "https://api.northmoor-bank.example/open-banking/v4.0/aisp/%2e%2e/%2E%2E/admin",
    "https://api.northmoor-bank.example/open-banking/v4.0/aisp/%252e%252e/admin",
    "https://api.northmoor-bank.example/open-banking/v4.0/aisp\\..\\admin",
    "https://api.northmoor-bank.example/open-banking/v4.0/aisp-evil/accounts",
    "https://api.northmoor-bank.example/psd2/v1/../../admin",
    "https://api.northmoor-bank.example/psd2/v1-evil/accounts",
    "https://api.northmoor-bank.example:8443/psd2/v1/accounts",
    "https://api.northmoor-bank.example\t.evil.example/",
    "https://[::1/open-banking",
    "file:///etc/passwd",
    "x" * 5000,
    "",
]


@pytest.mark.parametrize("link", ELSEWHERE)
def test_a_next_link_that_leads_elsewhere_is_refused(
    bank: Connector, dialect: Dialect, link: str
) -> None:
    if not dialect.links_pages:
        pytest.skip("a page of this dialect names the next one by no address")

    with pytest.raises(BadAnswer):
        read_page(bank, dialect.page([Row()], following=link))


def test_a_next_link_back_to_the_same_page_is_refused(bank: Connector, dialect: Dialect) -> None:
    first = read_page(bank, dialect.page([Row()], following=dialect.following()))
    assert first.next_cursor is not None
    steps = bank.more_transactions(
        grant=GRANT, account_external_id=ACCOUNT, cursor=first.next_cursor
    )

    with pytest.raises(BadAnswer):
        drive(steps, replies(dialect.page([Row()], following=dialect.following())))


def test_a_cursor_is_no_use_for_another_account_or_bank(
    name: str, bank: Connector, dialect: Dialect
) -> None:
    page = read_page(bank, dialect.page([Row()], following=dialect.following()))
    assert page.next_cursor is not None
    other = CONNECTORS[name](replace(ADDRESS, base_url="https://api.aurelia-bank.example"))

    for reader, account in ((bank, "acc-0002"), (other, ACCOUNT)):
        steps = reader.more_transactions(
            grant=GRANT, account_external_id=account, cursor=page.next_cursor
        )
        with pytest.raises(BadCursor):
            next(steps)


@pytest.mark.parametrize("cursor", ["", "!", "é", "bm90IGpzb24=", "W10=", "e30=", "A" * 9000])
def test_a_bad_cursor_is_refused_before_anything_is_sent(bank: Connector, cursor: str) -> None:
    steps = bank.more_transactions(grant=GRANT, account_external_id=ACCOUNT, cursor=cursor)

    with pytest.raises(BadCursor):
        next(steps)


# Failures


@operations
def test_too_many_requests_says_how_long_to_wait(bank: Connector, operation: str) -> None:
    with pytest.raises(RateLimited) as limited:
        drive(OPERATIONS[operation](bank), replies(Response(429, {"retry-after": "17"})))

    assert limited.value.retry_after == timedelta(seconds=17)


@operations
@pytest.mark.parametrize("status", [500, 502, 503, 504, 408])
def test_a_bank_that_is_down_is_unavailable_for_now(
    bank: Connector, operation: str, status: int
) -> None:
    with pytest.raises(TemporarilyUnavailable) as down:
        drive(OPERATIONS[operation](bank), replies(Response(status, {}, b"<html>oops</html>")))

    assert down.value.retry_after is None


@operations
@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_never_an_answer(bank: Connector, operation: str, status: int) -> None:
    elsewhere = Response(status, {"Location": "https://evil.example/"})

    with pytest.raises(BadAnswer):
        drive(OPERATIONS[operation](bank), replies(elsewhere))


@pytest.mark.parametrize(
    "operation", ["accounts", "balances", "transactions", "receipts", "shipments", "freeze"]
)
def test_an_access_token_that_is_no_longer_taken_can_be_refreshed(
    bank: Connector, operation: str
) -> None:
    with pytest.raises(AuthorisationExpired):
        drive(OPERATIONS[operation](bank), replies(Response(401)))


@operations
def test_a_refusal_keeps_the_status_and_quotes_nothing(bank: Connector, operation: str) -> None:
    told = answer({"error": "private words of the bank", "detail": "private"}, 403)

    with pytest.raises(BankRefused) as refused:
        drive(OPERATIONS[operation](bank), replies(told))

    assert refused.value.code == "http_403"


@operations
@pytest.mark.parametrize(
    "body",
    [b"", b"<html>maintenance</html>", b"null", b"[]", b'"x"', b"\xff\xfe", b"{", b"NaN"],
)
def test_a_success_that_is_not_ours_to_read_is_a_bad_answer(
    bank: Connector, operation: str, body: bytes
) -> None:
    with pytest.raises(BadAnswer):
        drive(OPERATIONS[operation](bank), replies(Response(200, {}, body)))


# Secrets


@operations
def test_requests_go_to_the_bank_alone_and_show_no_secret(
    bank: Connector, dialect: Dialect, operation: str
) -> None:
    steps = OPERATIONS[operation](bank)

    request = next(steps)

    assert urlsplit(request.url).hostname in {
        "api.northmoor-bank.example",
        "login.northmoor-bank.example",
    }
    assert "access-1" not in repr(request) + request.url
    assert "refresh-0" not in repr(request) + request.url
    assert ADDRESS.client_secret not in repr(ADDRESS)
    assert "access-1" not in repr(drive(OPERATIONS["exchange"](bank), replies(dialect.token())))
    assert ORIGIN in repr(ADDRESS)
