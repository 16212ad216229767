"""When a receipt adds up, in whole minor units; which revision is so; what is news."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.connectors.base import ReceiptLine
from partners.purchases.rules import (
    Verdict,
    digest_of,
    is_line_right,
    is_news,
    judge,
    sum_of,
    why_wrong,
)
from tests.factories.purchases import receipt_record, shipment_record

AT = datetime(2026, 11, 24, 10, 0, tzinfo=UTC)


def line(quantity_milli: int, price: int, amount: int, *, off: int = 0) -> ReceiptLine:
    return ReceiptLine("Something", quantity_milli, "", price, off, amount)


@pytest.mark.parametrize(
    ("a_line", "right"),
    [
        (line(2000, 450, 900), True),
        (line(2000, 450, 901), False),
        (line(742, 298, 221), True),
        (line(742, 298, 222), False),
        (line(1000, 399, 299, off=100), True),
        (line(1000, 399, 399, off=100), False),
        (line(1000, -20, -20), True),
        # A half goes either way: 0.5 x 0.05 is 0.025.
        (line(500, 5, 2), True),
        (line(500, 5, 3), True),
        (line(500, 5, 4), False),
        (line(500, -5, -2), True),
        (line(500, -5, -3), True),
    ],
)
def test_a_line_is_quantity_times_price_less_its_discount(
    a_line: ReceiptLine, *, right: bool
) -> None:
    assert is_line_right(a_line) is right


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({}, ""),
        ({"total_minor": 1421}, "total_wrong"),
        ({"discount_minor": 20, "total_minor": 1400}, ""),
        ({"discount_minor": 20}, "total_wrong"),
        ({"tax_included": False, "tax_minor": 80, "total_minor": 1500}, ""),
        ({"tax_included": False, "tax_minor": 80}, "total_wrong"),
        ({"tax_minor": None}, ""),
        ({"lines": (line(1000, 1420, 1400),), "total_minor": 1400}, "line_wrong"),
        ({"lines": (line(1000, -500, -500),), "total_minor": -500}, ""),
    ],
)
def test_a_receipt_adds_up_by_its_lines_discount_and_added_tax(
    changes: dict[str, object], why: str
) -> None:
    assert why_wrong(receipt_record(**changes)) == why


amounts = st.integers(-(10**9), 10**9)


@given(
    prices=st.lists(amounts, min_size=1, max_size=20),
    discount=st.integers(0, 10**9),
    tax=st.integers(0, 10**9),
    included=st.booleans(),
    wrong_by=st.integers(-3, 3),
)
def test_only_the_exact_total_is_right(
    *, prices: list[int], discount: int, tax: int, included: bool, wrong_by: int
) -> None:
    lines = tuple(line(1000, price, price) for price in prices)
    total = sum(prices) - discount + (0 if included else tax)
    receipt = receipt_record(
        lines=lines,
        discount_minor=discount,
        tax_minor=tax,
        tax_included=included,
        total_minor=total + wrong_by,
    )

    assert sum_of(receipt) == total
    assert (why_wrong(receipt) == "") is (wrong_by == 0)


def test_a_digest_is_of_what_is_said_and_not_of_the_payments_number() -> None:
    first = receipt_record()

    renumbered = replace(first, transaction_external_id="t-another", revision=2)
    dearer = replace(first, total_minor=first.total_minor + 1)

    assert digest_of(renumbered) == digest_of(first)
    assert digest_of(dearer) != digest_of(first)
    assert digest_of(shipment_record()) != digest_of(shipment_record("delivered"))


class Stored:
    revision = 3
    digest = "said"


@pytest.mark.parametrize(
    ("revision", "digest", "verdict"),
    [
        (4, "said", Verdict.NEWER),
        (4, "other", Verdict.NEWER),
        (3, "said", Verdict.KNOWN),
        (3, "other", Verdict.CONTRADICTS),
        (2, "other", Verdict.OLDER),
    ],
)
def test_the_higher_revision_is_what_is_so(revision: int, digest: str, verdict: Verdict) -> None:
    assert judge(Stored(), revision=revision, digest=digest) is verdict
    assert judge(None, revision=revision, digest=digest) is Verdict.NEW


@pytest.mark.parametrize(
    ("told", "since", "news"),
    [
        (timedelta(), timedelta(hours=1), True),
        (timedelta(hours=1), timedelta(hours=1), True),
        (timedelta(hours=2), timedelta(hours=1), False),
        (timedelta(days=3), timedelta(days=30), True),
        (timedelta(days=3, seconds=1), timedelta(days=30), False),
    ],
)
def test_news_is_of_the_last_days_and_since_the_link(
    told: timedelta, since: timedelta, *, news: bool
) -> None:
    assert is_news(AT - told, since=AT - since, at=AT) is news
