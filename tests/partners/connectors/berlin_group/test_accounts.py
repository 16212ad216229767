"""What is particular to the Berlin Group's accounts and balances."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from partners.connectors.base import BadAnswer, BalanceRecord, drive
from partners.connectors.berlin_group.connector import BerlinGroup
from tests.contracts.connectors.dialects import ACCOUNT, ADDRESS, GRANT, answer

bank = BerlinGroup(ADDRESS)
SAID = {"Date": "Mon, 30 Mar 2026 08:00:05 GMT"}
SAID_AT = datetime(2026, 3, 30, 8, 0, 5, tzinfo=UTC)


def balance(kind: str, amount: str = "10.00", **more: object) -> dict[str, object]:
    return {
        "balanceType": kind,
        "balanceAmount": {"amount": amount, "currency": "GBP"},
        **more,
    }


def read(*rows: object, headers: dict[str, str] | None = SAID) -> dict[str, BalanceRecord]:
    told = answer({"balances": rows}, headers=headers)
    steps = bank.balances(grant=GRANT, account_external_id=ACCOUNT)
    return {each.kind: each for each in drive(steps, lambda _request: told)}


def test_the_best_balance_of_each_kind_is_taken_and_others_are_passed_over() -> None:
    found = read(
        balance("closingBooked", "1.00"),
        balance("interimBooked", "2.00"),
        balance("forwardAvailable", "3.00"),
        balance("nonInvoiced", "4.00"),
        balance("expected", "5.00"),
        balance("interimAvailable", "60.00", creditLimitIncluded=True),
        balance("interimAvailable", "-6.00"),
    )

    assert {kind: each.amount_minor for kind, each in found.items()} == {
        "booked": 200,
        "available": -600,
    }


def test_a_balance_says_whether_the_limit_is_counted_where_the_bank_does() -> None:
    found = read(
        balance("interimAvailable", creditLimitIncluded=True),
        balance("interimBooked", creditLimitIncluded="no"),
    )

    assert found["available"].credit_line_included is True
    assert found["booked"].credit_line_included is None
    assert [each.credit_line_minor for each in found.values()] == [None, None]


def test_what_is_so_now_is_as_of_the_answer() -> None:
    moved = "2026-01-02T03:04:05Z"

    found = read(balance("interimAvailable", lastChangeDateTime=moved))

    assert found["available"].as_of == SAID_AT


@pytest.mark.parametrize(
    ("row", "as_of"),
    [
        # In London the day ends at 23:00 UTC once the clocks have gone forward.
        (
            balance("closingBooked", referenceDate="2026-03-29"),
            datetime(2026, 3, 29, 23, tzinfo=UTC),
        ),
        (
            balance("openingBooked", referenceDate="2026-03-30"),
            datetime(2026, 3, 29, 23, tzinfo=UTC),
        ),
        # A day that has not ended has no closing: what is said is as of saying it.
        (balance("closingBooked", referenceDate="2026-03-30"), SAID_AT),
        (balance("closingBooked"), SAID_AT),
    ],
)
def test_a_days_balance_is_as_of_its_edge(row: dict[str, object], as_of: datetime) -> None:
    assert read(row)["booked"].as_of == as_of


def test_a_balance_of_no_known_time_is_refused() -> None:
    with pytest.raises(BadAnswer):
        read(balance("interimBooked"), headers=None)


def test_lists_must_be_there() -> None:
    for steps in (
        bank.accounts(grant=GRANT),
        bank.balances(grant=GRANT, account_external_id=ACCOUNT),
    ):
        with pytest.raises(BadAnswer):
            drive(steps, lambda _request: answer({}))


def test_accounts_are_named_as_the_customer_knows_them_and_deleted_ones_are_not_listed() -> None:
    rows = [
        {"resourceId": "a-1", "currency": "GBP", "displayName": "Holiday", "name": "CURRENT 1"},
        {"resourceId": "a-2", "currency": "EUR", "product": "Girokonto", "bban": "12345678901"},
        {"resourceId": "a-3", "currency": "EUR", "status": "deleted"},
        {"currency": "EUR"},
        {"resourceId": "a-4", "currency": "XXX"},
    ]

    listed = drive(bank.accounts(grant=GRANT), lambda _request: answer({"accounts": rows}))

    assert [(each.name, each.masked_identification) for each in listed.records] == [
        ("Holiday", ""),
        ("Girokonto", "**** 8901"),
    ]
    assert [each.position for each in listed.rejected] == [3, 4]


def test_an_account_has_an_id_of_any_length_that_we_have_room_for() -> None:
    rows = [{"resourceId": "a" * length, "currency": "EUR"} for length in (44, 128, 129)]

    listed = drive(bank.accounts(grant=GRANT), lambda _request: answer({"accounts": rows}))

    assert [len(each.external_id) for each in listed.records] == [44, 128]
    assert [each.position for each in listed.rejected] == [2]


@pytest.mark.parametrize(
    ("asks_from", "told"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8::7", ""),
        ("", ""),
    ],
)
def test_a_bank_is_told_that_its_customer_is_there(asks_from: str, told: str) -> None:
    grant = replace(GRANT, customer_ip=asks_from)

    asked = next(BerlinGroup(ADDRESS).balances(grant=grant, account_external_id=ACCOUNT))

    assert asked.headers.get("PSU-IP-Address", "") == told
    assert "192.0.2.7" not in repr(grant)
