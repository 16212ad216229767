"""What is particular to UK Open Banking's accounts."""

from dataclasses import replace

import pytest

from partners.connectors.base import BadAnswer, Request, Response, drive
from partners.connectors.uk_open_banking.connector import UkOpenBanking
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    V4,
    UkDialect,
    answer,
)

bank = UkOpenBanking(ADDRESS)
dialect = UkDialect(V4)


def account(external_id: str = "acc-0001", **changes: object) -> dict[str, object]:
    return {"AccountId": external_id, "Currency": "GBP", "AccountTypeCode": "CACC"} | changes


def listed(*accounts: object, following: str | None = None) -> Response:
    links = {"Next": following} if following else {}
    return answer({"Data": {"Account": accounts}, "Links": links})


@pytest.mark.parametrize(
    ("identification", "shown"),
    [
        ("00000012345678", "**** 5678"),
        ("IT60 X054 2811 1010 0000 0123 456", "**** 3456"),
        ("0000 0000 0000 4821", "**** 4821"),
        ("**** 4821", "**** 4821"),
        ("\u2022\u2022\u2022\u2022 4821", "**** 4821"),
        ("1234567", "****"),
        ("12*34", "****"),
        ("", "****"),
        (7, ""),
    ],
)
def test_an_identification_is_masked(identification: object, shown: str) -> None:
    row = account(Account=[{"SchemeName": "x", "Identification": identification}])

    found = drive(bank.accounts(grant=GRANT), lambda _request: listed(row))

    assert [record.masked_identification for record in found.records] == [shown]


def test_accounts_are_read_over_all_pages_and_each_once() -> None:
    pages = {
        f"{dialect.base}/accounts": listed(
            account("a-1"), account("a-2"), following=f"{dialect.base}/accounts?page=2"
        ),
        f"{dialect.base}/accounts?page=2": listed(account("a-2"), account("a-3")),
    }

    found = drive(bank.accounts(grant=GRANT), lambda request: pages[request.url])

    assert [record.external_id for record in found.records] == ["a-1", "a-2", "a-3"]


def test_pages_of_accounts_without_an_end_are_refused() -> None:
    asked: list[Request] = []

    def another(request: Request) -> Response:
        asked.append(request)
        return listed(account(), following=f"{dialect.base}/accounts?page={len(asked)}")

    with pytest.raises(BadAnswer):
        drive(bank.accounts(grant=GRANT), another)

    assert len(asked) == 20


@pytest.mark.parametrize("code", ["NREX", "a new one", None, 7])
def test_an_account_of_a_type_that_we_have_no_word_for_is_other(code: object) -> None:
    row = account(AccountTypeCode=code)

    found = drive(bank.accounts(grant=GRANT), lambda _request: listed(row))

    assert [record.kind for record in found.records] == ["other"]


@pytest.mark.parametrize("asks_from", ["192.0.2.7", "2001:db8::7", ""])
def test_a_bank_is_told_that_its_customer_is_there(asks_from: str) -> None:
    grant = replace(GRANT, customer_ip=asks_from)

    asked = next(UkOpenBanking(ADDRESS).balances(grant=grant, account_external_id="acc-0001"))

    assert asked.headers.get("x-fapi-customer-ip-address", "") == asks_from


def balance(*lines: object, amount: str = "10.00", kind: str = "ITAV") -> dict[str, object]:
    row: dict[str, object] = {
        "AccountId": ACCOUNT,
        "CreditDebitIndicator": "Credit",
        "Type": kind,
        "DateTime": "2026-03-30T09:00:00+01:00",
        "Amount": {"Amount": amount, "Currency": "GBP"},
    }
    return row | ({"CreditLine": lines} if lines else {})


def line(
    amount: str, *, included: bool, kind: str = "Pre-Agreed", currency: str = "GBP"
) -> object:
    return {
        "Included": included,
        "Type": kind,
        "Amount": {"Amount": amount, "Currency": currency},
    }


@pytest.mark.parametrize(
    ("rows", "amount_minor", "line_minor", "included"),
    [
        ([balance()], 1000, None, None),
        ([balance(line("500.00", included=False))], 1000, 500_00, False),
        ([balance(line("500.00", included=True))], 1000, 500_00, True),
        # Told twice: the one without it, and how much it is from the other.
        (
            [balance(line("500.00", included=True), amount="510.00"), balance()],
            1000,
            500_00,
            False,
        ),
        # Two limits are not added up, and what is left of one is no limit.
        (
            [
                balance(
                    line("500.00", included=False),
                    line("100.00", included=False, kind="Temporary"),
                )
            ],
            1000,
            None,
            False,
        ),
        (
            [
                balance(
                    line("500.00", included=False),
                    line("400.00", included=False, kind="Available"),
                )
            ],
            1000,
            500_00,
            False,
        ),
        # One that cannot be kept exactly costs no balance.
        ([balance(line("500.00", included=True, currency="EUR"))], 1000, None, True),
        ([balance(line("0.001", included=True))], 1000, None, True),
        ([balance({"Included": True})], 1000, None, True),
    ],
)
def test_a_credit_line_is_told_as_the_bank_tells_it_and_added_to_nothing(
    rows: list[object],
    amount_minor: int,
    line_minor: int | None,
    included: bool | None,  # noqa: FBT001  # a parameter of the table
) -> None:
    steps = bank.balances(grant=GRANT, account_external_id=ACCOUNT)

    (found,) = drive(steps, lambda _request: answer({"Data": {"Balance": rows}}))

    told = (found.amount_minor, found.credit_line_minor, found.credit_line_included)
    assert told == (amount_minor, line_minor, included)
