"""What is particular to balances beside a cursor."""

import pytest

from partners.connectors.base import drive
from partners.connectors.cursor_sync.connector import CursorSync
from partners.ledger.numbers import names_of
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    CursorSyncDialect,
)

SAYS = CursorSyncDialect()


@pytest.mark.parametrize(
    ("kind", "limit", "available", "booked"),
    [
        # An overdraft is counted nowhere; of a card what is available is what is left of its limit.
        ("depository", 500.0, (10_00, 500_00, False), (20_00, 500_00, False)),
        ("credit", 500.0, (10_00, 500_00, True), (-20_00, 500_00, False)),
        ("depository", None, (10_00, None, None), (20_00, None, None)),
        ("credit", "much", (10_00, None, None), (-20_00, None, None)),
        ("credit", -1.0, (10_00, None, None), (-20_00, None, None)),
    ],
)
def test_a_limit_is_a_credit_line_and_added_to_nothing(
    kind: str, limit: object, available: tuple[object, ...], booked: tuple[object, ...]
) -> None:
    listed = {
        "account_id": ACCOUNT,
        "type": kind,
        "balances": SAYS.holding(10.0, 20.0) | {"limit": limit},
    }
    steps = CursorSync(ADDRESS).balances(grant=GRANT, account_external_id=ACCOUNT)

    found = drive(steps, lambda _request: SAYS.answered({"accounts": [listed]}))

    told = {
        each.kind: (each.amount_minor, each.credit_line_minor, each.credit_line_included)
        for each in found
    }
    assert told == {"available": available, "booked": booked}


@pytest.mark.parametrize(
    ("said", "lasting"),
    [
        ("8cfb8beb89b774ee43b090625f0d61d0814322b43bff984eaf60386e", True),
        (None, False),
        (7, False),
    ],
)
def test_an_account_is_known_when_it_is_linked_anew_by_the_id_that_lasts(
    said: object, *, lasting: bool
) -> None:
    listed = {
        "account_id": ACCOUNT,
        "type": "depository",
        "persistent_account_id": said,
        "balances": SAYS.holding(10.0, 20.0),
    }

    read = drive(
        CursorSync(ADDRESS).accounts(grant=GRANT),
        lambda _request: SAYS.answered({"accounts": [listed]}),
    )

    (account,) = read.records
    assert account.identifications == ((said,) if lasting else ())
    assert [names_of(each).full for each in account.identifications] == [
        (str(said).upper(),) for _each in account.identifications
    ]


def test_an_account_has_an_id_of_any_length_that_we_have_room_for() -> None:
    listed = {"account_id": "a" * 128, "type": "depository", "balances": SAYS.holding(10.0, 20.0)}
    steps = CursorSync(ADDRESS).balances(grant=GRANT, account_external_id="a" * 128)

    found = drive(steps, lambda _request: SAYS.answered({"accounts": [listed]}))

    assert len(found) == 2
