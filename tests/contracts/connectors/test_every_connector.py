"""What every connector must do, whatever protocol it speaks."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from jwt.utils import base64url_encode

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BadCursor,
    BankNotification,
    BankRefused,
    Connector,
    ConsentTerms,
    InstructionOutcome,
    NotificationRefused,
    RateLimited,
    ReceiptPage,
    RejectedRow,
    Request,
    Response,
    ShipmentPage,
    Steps,
    TemporarilyUnavailable,
    TransactionPage,
    UnknownSigningKey,
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
    claims,
    jwks,
    notification,
    receipt_row,
    shipment_row,
)

VERIFIER = "v" * 64
SINCE = date(2026, 3, 1)
INSTRUCTION = "0199c1a2-0000-7000-8000-000000000001"


@pytest.fixture(params=sorted(CONNECTORS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bank(name: str) -> Connector:
    return CONNECTORS[name](ADDRESS)


@pytest.fixture
def dialect(name: str) -> Dialect:
    return DIALECTS[name]


def replies(*responses: Response) -> Callable[[Request], Response]:
    """Answer each request with the next response."""
    waiting: Iterator[Response] = iter(responses)
    return lambda _request: next(waiting)


def sent(steps: Steps[object], *responses: Response) -> list[Request]:
    """The requests an operation made while it was given these responses."""
    seen: list[Request] = []
    waiting = iter(responses)

    def note(request: Request) -> Response:
        seen.append(request)
        return next(waiting)

    drive(steps, note)
    return seen


def read_page(bank: Connector, response: Response) -> TransactionPage:
    return drive(first_page(bank), replies(response))


def first_page(bank: Connector) -> Steps[TransactionPage]:
    return bank.transactions(grant=GRANT, account_external_id=ACCOUNT, since=SINCE)


def freeze(bank: Connector) -> Steps[InstructionOutcome]:
    return bank.freeze(
        grant=GRANT,
        instruction_id=INSTRUCTION,
        account_external_id=ACCOUNT,
        card_id="card-1",
        reason="customer_reported_fraud",
    )


def decide(bank: Connector) -> Steps[InstructionOutcome]:
    return bank.report_decision(
        grant=GRANT,
        decision_id=INSTRUCTION,
        account_external_id=ACCOUNT,
        transaction_external_id="t-1",
        decision="not_me",
        decided_at=NOW,
    )


def begin(bank: Connector) -> Steps[object]:
    terms = ConsentTerms(expires_at=NOW + timedelta(days=90), transactions_from=SINCE)
    return bank.begin_authorisation(
        terms=terms, state="state-1", nonce="nonce-1", code_verifier=VERIFIER
    )


OPERATIONS: dict[str, Callable[[Connector], Steps[object]]] = {
    "begin_authorisation": begin,
    "exchange": lambda bank: bank.exchange(code="code-1", code_verifier=VERIFIER, at=NOW),
    "refresh": lambda bank: bank.refresh(refresh_token="refresh-0", at=NOW),
    "revoke_consent": lambda bank: bank.revoke_consent(bank_consent_id="consent-1"),
    "accounts": lambda bank: bank.accounts(grant=GRANT),
    "balances": lambda bank: bank.balances(grant=GRANT, account_external_id=ACCOUNT),
    "transactions": first_page,
    "receipts": lambda bank: bank.receipts(grant=GRANT, account_external_id=ACCOUNT, after=""),
    "shipments": lambda bank: bank.shipments(grant=GRANT, account_external_id=ACCOUNT, after=""),
    "freeze": freeze,
    "unfreeze": lambda bank: bank.unfreeze(
        grant=GRANT,
        instruction_id=INSTRUCTION,
        account_external_id=ACCOUNT,
        card_id=None,
        reason="customer_asked",
    ),
    "freeze_status": lambda bank: bank.freeze_status(grant=GRANT, instruction_id=INSTRUCTION),
    "report_decision": decide,
    "decision_status": lambda bank: bank.decision_status(grant=GRANT, decision_id=INSTRUCTION),
    "signing_keys": lambda bank: bank.signing_keys(),
}
operations = pytest.mark.parametrize("operation", sorted(OPERATIONS))


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


# Receipts and shipments


def receipts(bank: Connector, after: str = "") -> Steps[ReceiptPage]:
    return bank.receipts(grant=GRANT, account_external_id=ACCOUNT, after=after)


def shipments(bank: Connector, after: str = "") -> Steps[ShipmentPage]:
    return bank.shipments(grant=GRANT, account_external_id=ACCOUNT, after=after)


def test_a_receipt_is_read_in_whole_minor_units_line_by_line(
    bank: Connector, dialect: Dialect
) -> None:
    page = drive(receipts(bank), replies(dialect.receipts([receipt_row()])))

    (receipt,) = page.records
    assert [
        (line.quantity_milli, line.unit, line.unit_price_minor, line.discount_minor)
        for line in receipt.lines
    ] == [(742, "kg", 298, 0), (2000, "", 310, 100), (1000, "", -20, 0)]
    assert [line.amount_minor for line in receipt.lines] == [221, 520, -20]
    assert (receipt.discount_minor, receipt.tax_minor, receipt.tax_included) == (21, 40, True)
    assert (receipt.total_minor, receipt.currency, receipt.revision) == (700, "GBP", 1)
    assert receipt.issued_at == datetime(2026, 3, 30, 8, 15, tzinfo=UTC)
    assert (page.cursor, page.has_more) == ("place-2", False)


@pytest.mark.parametrize(
    "changes",
    [
        {"Total": "7.001"},
        {"Total": "--7.00"},
        {"Total": 7},
        {"Currency": "XAU"},
        {"Revision": 0},
        {"Revision": True},
        {"Revision": "1"},
        {"Revision": 2**31},
        {"ReceiptId": ""},
        {"TransactionId": None},
        {"AccountId": "acc-0666"},
        {"IssuedAt": "2026-03-30"},
        {"Lines": []},
        {"Lines": [7]},
        {"Lines": [{"Description": "x", "Quantity": "0", "UnitPrice": "1", "Amount": "0"}]},
        {"Lines": [{"Description": "x", "Quantity": "1.2345", "UnitPrice": "1", "Amount": "1"}]},
        {"Lines": [{"Description": "x", "Quantity": "-1", "UnitPrice": "1", "Amount": "-1"}]},
        {"Tax": {"Amount": "-1.00", "Included": True}},
        {"Tax": {"Amount": "1.00"}},
        {"Discount": "-1.00"},
        {"Merchant": "Corner Larder"},
    ],
)
def test_a_receipt_that_cannot_be_read_whole_is_set_aside_and_the_others_kept(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    rows = [receipt_row(), receipt_row(ReceiptId="rcp-2") | changes, receipt_row(ReceiptId="r-3")]

    page = drive(receipts(bank), replies(dialect.receipts(rows)))

    assert [each.external_id for each in page.records] == ["rcp-1", "r-3"]
    assert [each.position for each in page.rejected] == [1]


def test_a_shipment_is_read_with_its_stops_in_order(bank: Connector, dialect: Dialect) -> None:
    page = drive(shipments(bank), replies(dialect.shipments([shipment_row()])))

    (shipment,) = page.records
    assert (shipment.status, shipment.revision) == ("packed", 2)
    assert shipment.expected_on == date(2026, 4, 2)
    assert [event.status for event in shipment.events] == ["ordered", "packed"]
    assert shipment.tracking_code == "HP0123456789GB"


@pytest.mark.parametrize(
    "changes",
    [
        {"Status": "lost"},
        {"Revision": None},
        {"UpdatedAt": None},
        {"ExpectedOn": "soon"},
        {"Events": [{"At": "2026-03-30T09:15:00Z", "Status": "teleported"}]},
        {"Events": "many"},
        {"AccountId": None},
    ],
)
def test_a_shipment_that_cannot_be_read_is_set_aside(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    page = drive(shipments(bank), replies(dialect.shipments([shipment_row() | changes])))

    assert (page.records, [each.position for each in page.rejected]) == ((), [0])


@pytest.mark.parametrize("what", ["receipts", "shipments"])
def test_reading_on_names_the_place_and_nothing_else(
    bank: Connector, dialect: Dialect, what: str
) -> None:
    operation, reply = (
        (receipts, dialect.receipts)
        if what == "receipts"
        else (
            shipments,
            dialect.shipments,
        )
    )

    (first,) = sent(operation(bank), reply([]))
    (then,) = sent(operation(bank, "a place/&"), reply([]))

    assert then.url == f"{first.url}?after=a%20place%2F%26"
    assert urlsplit(first.url).query == ""


def test_a_place_that_the_bank_takes_no_more_is_a_bad_cursor(bank: Connector) -> None:
    with pytest.raises(BadCursor):
        drive(receipts(bank, "place-1"), replies(answer({}, 400)))


@pytest.mark.parametrize(
    "changes",
    [
        {"Cursor": None},
        {"Cursor": "x" * 513},
        {"Cursor": "two\nlines"},
        {"HasMore": "yes"},
        {"HasMore": None},
        {"Cursor": "place-1", "HasMore": True},
    ],
)
def test_a_page_that_does_not_say_how_to_go_on_is_refused(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    with pytest.raises(BadAnswer):
        drive(receipts(bank, "place-1"), replies(dialect.receipts([], **changes)))


# Freezes


def test_freeze_names_the_instruction_so_that_twice_is_once(
    bank: Connector, dialect: Dialect
) -> None:
    done = dialect.frozen(INSTRUCTION)

    first, second = sent(freeze(bank), done)[0], sent(freeze(bank), done)[0]

    assert first == second
    assert INSTRUCTION in first.url


def test_freeze_is_done_when_the_bank_says_so_and_when(bank: Connector, dialect: Dialect) -> None:
    outcome = drive(freeze(bank), replies(dialect.frozen(INSTRUCTION)))

    assert outcome == InstructionOutcome("done", datetime(2026, 3, 30, 9, 0, 2, tzinfo=UTC))


def test_freeze_that_failed_says_why(bank: Connector, dialect: Dialect) -> None:
    failed = dialect.frozen(INSTRUCTION, Status="failed", FailureReason="card_not_found")

    outcome = drive(freeze(bank), replies(failed))

    assert (outcome.status, outcome.reason) == ("failed", "card_not_found")


@pytest.mark.parametrize(
    "changes",
    [
        {"InstructionId": "another"},
        {"SettledAt": None},
        {"SettledAt": "2026-03-30"},
        {"Status": "frozen"},
        {"Status": None},
    ],
)
def test_freeze_is_not_done_on_an_answer_that_does_not_hold_together(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    with pytest.raises(BadAnswer):
        drive(freeze(bank), replies(dialect.frozen(INSTRUCTION, **changes)))


def test_freeze_status_of_what_never_arrived_is_unknown_to_the_bank(bank: Connector) -> None:
    steps = bank.freeze_status(grant=GRANT, instruction_id=INSTRUCTION)

    outcome = drive(steps, replies(Response(404)))

    assert outcome == InstructionOutcome("unknown_to_bank")


# Decisions


def test_report_decision_names_it_so_that_twice_is_once(bank: Connector, dialect: Dialect) -> None:
    done = dialect.decided(INSTRUCTION)

    first, second = sent(decide(bank), done)[0], sent(decide(bank), done)[0]

    assert first == second
    assert INSTRUCTION in first.url


def test_report_decision_is_done_when_the_bank_says_so(bank: Connector, dialect: Dialect) -> None:
    outcome = drive(decide(bank), replies(dialect.decided(INSTRUCTION)))

    assert outcome == InstructionOutcome("done", datetime(2026, 3, 30, 9, 0, 2, tzinfo=UTC))


def test_decision_status_of_what_never_arrived_is_unknown_to_the_bank(bank: Connector) -> None:
    steps = bank.decision_status(grant=GRANT, decision_id=INSTRUCTION)

    outcome = drive(steps, replies(Response(404)))

    assert outcome == InstructionOutcome("unknown_to_bank")


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


# Notifications


def test_read_notification_says_which_account_changed_and_when(bank: Connector) -> None:
    told = bank.read_notification(body=notification(), jwks=jwks(), at=NOW)

    assert told == BankNotification(
        jti="b460a07c-4962-43d1-85ee-9dc10fbb8f6c",
        account_external_ids=(ACCOUNT,),
        occurred_at=NOW - timedelta(seconds=1),
    )


@pytest.mark.parametrize("minutes", [-10, 10])
def test_read_notification_takes_ten_minutes_of_difference(bank: Connector, minutes: int) -> None:
    at = NOW + timedelta(minutes=minutes)

    assert bank.read_notification(body=notification(), jwks=jwks(), at=at).jti

    with pytest.raises(NotificationRefused, match="iat"):
        bank.read_notification(
            body=notification(), jwks=jwks(), at=at + timedelta(seconds=minutes // 10)
        )


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "https://evil.example"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["another-client"]},
        {"aud": None},
        {"iat": None},
        {"iat": True},
        {"iat": -1},
        {"iat": 10**30},
        {"iat": "1774861200"},
        {"toe": 1e300},
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 129},
        {"jti": "a\u0000b"},
        {"events": None},
        {"events": []},
        {"exp": int(NOW.timestamp())},
    ],
)
def test_read_notification_refuses_claims_that_are_not_right(
    bank: Connector, changes: dict[str, object]
) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(body=notification(claims(**changes)), jwks=jwks(), at=NOW)


def test_read_notification_refuses_what_another_key_signed(bank: Connector) -> None:
    forged = notification(signed_by="somebody-else", kid="event-key-1")

    with pytest.raises(NotificationRefused) as refused:
        bank.read_notification(body=forged, jwks=jwks(), at=NOW)

    assert not isinstance(refused.value, UnknownSigningKey)


def test_read_notification_names_a_key_that_we_do_not_hold(bank: Connector) -> None:
    with pytest.raises(UnknownSigningKey):
        bank.read_notification(body=notification(kid="next-year"), jwks=jwks(), at=NOW)


@pytest.mark.parametrize("algorithm", ["RS256", "PS384"])
def test_read_notification_takes_one_algorithm_only(bank: Connector, algorithm: str) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(body=notification(alg=algorithm), jwks=jwks(), at=NOW)


@pytest.mark.parametrize(
    "headers", [{"crit": ["exp"]}, {"b64": True}, {"kid": None}, {"kid": ""}, {"kid": 7}]
)
def test_read_notification_refuses_headers_it_does_not_understand(
    bank: Connector, headers: dict[str, object]
) -> None:
    body = notification(**headers)

    with pytest.raises(NotificationRefused, match=r"named key|extensions|a token"):
        bank.read_notification(body=body, jwks=jwks(), at=NOW)


def test_read_notification_refuses_an_unsigned_token(bank: Connector) -> None:
    header, payload, _signature = notification().split(b".")
    unsigned = base64url_encode(b'{"alg": "none", "kid": "event-key-1"}')

    for body in (b".".join([unsigned, payload, b""]), b".".join([header, payload, b""])):
        with pytest.raises(NotificationRefused):
            bank.read_notification(body=body, jwks=jwks(), at=NOW)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"..",
        b"a.b.c",
        b"\xff\xfe",
        b"x" * 70_000,
        base64url_encode(b"[" * 30_000) + b".e30.AA",
    ],
)
def test_read_notification_refuses_what_is_no_token(bank: Connector, body: bytes) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(body=body, jwks=jwks(), at=NOW)


@pytest.mark.parametrize(
    "key",
    [
        {"kty": "oct", "k": "AAAA"},
        {"kty": "RSA"},
        {"kty": "RSA", "n": "AQAB", "e": "AQAB"},
        {"kty": "RSA", "n": 7, "e": "!"},
        {"kty": "RSA", "n": "", "e": ""},
    ],
)
def test_read_notification_refuses_a_key_that_is_not_fit(
    bank: Connector, key: dict[str, object]
) -> None:
    with pytest.raises(NotificationRefused):
        bank.read_notification(
            body=notification(), jwks={"keys": [key | {"kid": "event-key-1"}]}, at=NOW
        )


def test_signing_keys_of_the_bank_verify_its_notifications(bank: Connector) -> None:
    published = jwks("event-key-1", "event-key-2")

    kept = drive(bank.signing_keys(), replies(answer(published)))

    assert bank.read_notification(body=notification(signed_by="event-key-2"), jwks=kept, at=NOW)


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
