"""What is particular to changes after a cursor."""

import json
from datetime import UTC, date, datetime, timedelta

import pytest

from partners.connectors.base import (
    AuthorisationExpired,
    AuthorisationRevoked,
    BadAnswer,
    BadCursor,
    BankRefused,
    ConsentTerms,
    PagesMoved,
    RateLimited,
    Request,
    Response,
    TemporarilyUnavailable,
    TransactionPage,
    drive,
)
from partners.connectors.cursor_sync.connector import CursorSync
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    CursorSyncDialect,
    Row,
    answer,
)

BANK, SAYS = CursorSync(ADDRESS), CursorSyncDialect()
SINCE = date(2026, 3, 1)


def first(response: Response) -> TransactionPage:
    steps = BANK.transactions(grant=GRANT, account_external_id=ACCOUNT, since=SINCE)
    return drive(steps, lambda _request: response)


def after(cursor: str, response: Response) -> TransactionPage:
    steps = BANK.more_transactions(grant=GRANT, account_external_id=ACCOUNT, cursor=cursor)
    return drive(steps, lambda _request: response)


def place() -> str:
    """Where a whole round ended."""
    round_ = first(SAYS.told()).round
    assert round_ is not None
    return round_.place


def test_a_whole_round_ends_at_a_place_from_which_changes_alone_are_asked_for() -> None:
    asked: list[Request] = []

    def reply(request: Request) -> Response:
        asked.append(request)
        return SAYS.told(added=[Row("t-2")], modified=[Row("t-1")], removed=["t-0"])

    steps = BANK.more_transactions(grant=GRANT, account_external_id=ACCOUNT, cursor=place())
    page = drive(steps, reply)

    body = json.loads(asked[0].body)
    assert (body["cursor"], body["options"]["account_id"]) == ("cursor-end", ACCOUNT)
    assert [each.external_id for each in page.records] == ["t-2", "t-1"]
    assert page.round is not None
    assert page.round.removed == ("t-0",)
    assert (page.next_cursor, page.complete, page.covered_from) == (None, True, SINCE)


def test_the_first_round_names_no_cursor_and_asks_of_one_account() -> None:
    steps = BANK.transactions(grant=GRANT, account_external_id=ACCOUNT, since=SINCE)

    body = json.loads(next(steps).body)

    assert "cursor" not in body
    assert body["access_token"] == GRANT.access_token
    assert body["options"]["account_id"] == ACCOUNT


def test_a_posted_row_names_the_pending_one_that_it_was() -> None:
    rows = [Row("t-1", extra={"pending_transaction_id": "p-1"}), Row("t-2")]

    page = first(SAYS.told(added=rows))

    assert [each.pending_external_id for each in page.records] == ["p-1", None]


@pytest.mark.parametrize("removed", [[7], [{}], [{"transaction_id": ""}], "t-1", None])
def test_what_is_removed_is_read_whole_or_the_page_is_refused(removed: object) -> None:
    with pytest.raises(BadAnswer):
        first(answer(json.loads(SAYS.told().body) | {"removed": removed}))


def test_what_is_removed_of_another_account_is_passed_over() -> None:
    gone = [{"transaction_id": "t-1", "account_id": "acc-0666"}, {"transaction_id": "t-2"}]
    said = json.loads(SAYS.told().body) | {"removed": gone}

    page = first(answer(said))

    assert page.round is not None
    assert page.round.removed == ("t-2",)


def test_what_moved_while_it_was_paged_is_to_be_read_from_where_its_round_began() -> None:
    paged = first(SAYS.told(added=[Row()], following="cursor-2")).next_cursor
    assert paged is not None
    moved = SAYS.refused("TRANSACTIONS_SYNC_MUTATION_DURING_PAGINATION", kind="TRANSACTIONS_ERROR")

    with pytest.raises(PagesMoved):
        after(paged, moved)


@pytest.mark.parametrize(
    ("code", "kind", "failure"),
    [
        ("ITEM_LOGIN_REQUIRED", "ITEM_ERROR", AuthorisationRevoked),
        ("USER_PERMISSION_REVOKED", "ITEM_ERROR", AuthorisationRevoked),
        ("ITEM_NOT_FOUND", "ITEM_ERROR", AuthorisationRevoked),
        ("INVALID_ACCESS_TOKEN", "INVALID_INPUT", AuthorisationExpired),
        ("INSTITUTION_DOWN", "INSTITUTION_ERROR", TemporarilyUnavailable),
        ("PRODUCT_NOT_READY", "ITEM_ERROR", TemporarilyUnavailable),
        ("RATE_LIMIT_EXCEEDED", "RATE_LIMIT_EXCEEDED", RateLimited),
        ("ADDITIONAL_CONSENT_REQUIRED", "INVALID_INPUT", BankRefused),
        ("INVALID_FIELD", "INVALID_REQUEST", BadCursor),
    ],
)
def test_a_400_means_what_its_code_says(code: str, kind: str, failure: type[Exception]) -> None:
    with pytest.raises(failure) as raised:
        after(place(), SAYS.refused(code, kind=kind))

    assert type(raised.value) is failure


def test_a_bad_field_of_a_round_without_a_cursor_is_a_refusal() -> None:
    with pytest.raises(BankRefused):
        first(SAYS.refused("INVALID_FIELD", kind="INVALID_REQUEST"))


def test_a_bank_that_has_gathered_nothing_yet_is_asked_again_later() -> None:
    with pytest.raises(TemporarilyUnavailable):
        first(SAYS.told(next_cursor="", transactions_update_status="NOT_READY"))


@pytest.mark.parametrize(
    ("literal", "minor"),
    [
        (b"12.3", -1230),
        (b"-12.30", 1230),
        (b"0.1", -10),
        (b"1e2", -10_000),
        (b"9999999999999.99", -999_999_999_999_999),
        (b"0", 0),
        (b"-0.0", 0),
    ],
)
def test_a_number_is_read_digit_by_digit_and_money_out_is_positive(
    literal: bytes, minor: int
) -> None:
    whole = SAYS.told(added=[Row(amount="77.77")])
    said = Response(200, {}, whole.body.replace(b"77.77", literal))

    page = first(said)

    assert [each.amount_minor for each in page.records] == [minor]


@pytest.mark.parametrize("literal", [b"12.305", b"1e999999", b"1e-999999", b"true", b'"12.30"'])
def test_a_number_that_is_not_exact_is_set_aside(literal: bytes) -> None:
    whole = SAYS.told(added=[Row(amount="77.77"), Row("t-2")])
    said = Response(200, {}, whole.body.replace(b"77.77", literal))

    page = first(said)

    assert [each.external_id for each in page.records] == ["t-2"]
    assert [(each.position, each.field) for each in page.rejected] == [(0, "amount")]


def test_money_that_has_no_iso_code_is_set_aside() -> None:
    coins = {"iso_currency_code": None, "unofficial_currency_code": "DOGE"}

    page = first(SAYS.told(added=[Row(extra=coins)]))

    assert [each.field for each in page.rejected] == ["iso_currency_code"]


def test_a_row_tells_all_that_is_known_of_a_payment_abroad() -> None:
    page = first(SAYS.told(added=[Row(booked="2026-03-28", extra=SAYS.abroad())]))

    (row,) = page.records
    assert (row.booked_on, row.booked_on_source) == (date(2026, 3, 28), "date")
    assert row.booked_at == datetime(2026, 3, 28, 10, 15, tzinfo=UTC)
    assert (row.merchant_name, row.merchant_country) == ("Pastelaria Aurora", "PT")
    assert (row.kind, row.merchant_category, row.card_last4) == ("card_purchase", "5812", "4821")
    assert (row.original_amount_minor, row.original_currency) == (-1417, "EUR")
    assert (row.exchange_rate, row.fraud_suspected, row.card_id) == ("0.8678", True, "c-1")
    assert row.description == "CARD 4821 LISBOA"


def test_of_a_card_what_is_owed_is_less_than_nothing() -> None:
    said = json.loads(SAYS.balances(amount="120.00", credit=True).body)
    said["accounts"][0] |= {"type": "credit", "subtype": "credit card"}
    said["accounts"][0]["balances"]["available"] = 880

    steps = BANK.balances(grant=GRANT, account_external_id=ACCOUNT)
    read = drive(steps, lambda _request: answer(said))

    assert {(each.kind, each.amount_minor) for each in read} == {
        ("available", 88_000),
        ("booked", -12_000),
    }
    assert {each.as_of for each in read} == {datetime(2026, 3, 30, 7, 59, tzinfo=UTC)}


def test_days_are_counted_back_from_the_day_on_which_it_is_asked() -> None:
    terms = ConsentTerms(
        expires_at=datetime(2026, 6, 30, tzinfo=UTC),
        transactions_from=SINCE,
        asked_on=SINCE + timedelta(days=29),
    )
    steps = BANK.begin_authorisation(
        terms=terms, state="state-1", nonce="nonce-1", code_verifier="v" * 64
    )
    next(steps)

    body = json.loads(steps.send(SAYS.token()).body)

    assert body["transactions"] == {"days_requested": 29}
    assert body["products"] == ["transactions"]
