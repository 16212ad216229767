import itertools
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from partners.alerts.rules import Facts, Home, alert_types_of, is_low, is_news

HOME = Home(country="IT", currency="EUR")
ALL = {
    "fraud_suspected": {},
    "large_payment": {"threshold_minor": 50_000, "currency": "EUR"},
    "foreign": {},
    "refund": {},
    "salary": {},
}
ROME = ZoneInfo("Europe/Rome")
LINKED = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
AT = datetime(2026, 3, 10, 9, 0, tzinfo=UTC)


def facts(**given: object) -> Facts:
    default: dict[str, object] = {
        "kind": "card_purchase",
        "amount_minor": -1_000,
        "currency": "EUR",
        "booked_on": date(2026, 3, 10),
    }
    return Facts(**(default | given))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("given_facts", "types"),
    [
        ({}, ()),
        ({"fraud_suspected": True}, ("fraud_suspected",)),
        ({"amount_minor": -50_000}, ()),
        ({"amount_minor": -50_001}, ("large_payment",)),
        ({"amount_minor": 90_000}, ()),
        ({"amount_minor": -90_000, "currency": "USD"}, ()),
        ({"merchant_country": "IT"}, ()),
        ({"merchant_country": "PT"}, ("foreign",)),
        ({"original_currency": "USD"}, ("foreign",)),
        ({"original_currency": "EUR"}, ()),
        ({"merchant_country": "PT", "kind": "transfer_out"}, ()),
        ({"kind": "card_refund", "amount_minor": 500}, ("refund",)),
        ({"kind": "card_refund", "amount_minor": -500}, ()),
        ({"kind": "salary", "amount_minor": 200_000}, ("salary",)),
        (
            {"fraud_suspected": True, "amount_minor": -60_000, "merchant_country": "PT"},
            ("fraud_suspected", "large_payment", "foreign"),
        ),
    ],
)
def test_each_type_is_raised_as_defined(
    given_facts: dict[str, object], types: tuple[str, ...]
) -> None:
    assert alert_types_of(facts(**given_facts), rules=ALL, home=HOME) == types


@given(st.sets(st.sampled_from(sorted(ALL))))
def test_what_the_bank_has_off_is_never_raised(on: set[str]) -> None:
    everything = facts(fraud_suspected=True, amount_minor=-60_000, merchant_country="PT")

    raised = alert_types_of(everything, rules={each: ALL[each] for each in on}, home=HOME)

    assert set(raised) == on & {"fraud_suspected", "large_payment", "foreign"}


@pytest.mark.parametrize(
    ("booked_on", "booked_at", "news"),
    [
        (date(2026, 3, 10), AT, True),
        (date(2026, 3, 7), AT - timedelta(days=3), True),
        (date(2026, 3, 6), AT - timedelta(days=4), False),
        (date(2026, 3, 10), None, True),
    ],
)
def test_news_is_what_happened_lately(
    booked_on: date, booked_at: datetime | None, *, news: bool
) -> None:
    entry = facts(booked_on=booked_on, booked_at=booked_at)

    assert is_news(entry, since=LINKED, at=AT, zone=ROME) is news


@pytest.mark.parametrize(
    ("booked_at", "news"), [(AT, True), (AT - timedelta(seconds=1), False), (None, True)]
)
def test_what_happened_before_the_account_was_linked_is_history(
    booked_at: datetime | None, *, news: bool
) -> None:
    entry = facts(booked_on=date(2026, 3, 10), booked_at=booked_at)

    assert is_news(entry, since=AT, at=AT + timedelta(minutes=1), zone=ROME) is news


def test_the_day_of_linking_is_the_banks_own_day() -> None:
    just_after_midnight_in_rome = datetime(2026, 3, 9, 23, 30, tzinfo=UTC)

    entry = facts(booked_on=date(2026, 3, 9))

    assert not is_news(entry, since=just_after_midnight_in_rome, at=AT, zone=ROME)


@pytest.mark.parametrize(
    ("before", "now", "low"),
    [(None, 5, False), (100, 99, True), (100, 100, False), (99, 50, False), (500, -20, True)],
)
def test_a_balance_is_low_when_it_falls_under_the_threshold(
    before: int | None, now: int, *, low: bool
) -> None:
    parameters = {"threshold_minor": 100, "currency": "EUR"}

    assert is_low(before_minor=before, now_minor=now, currency="EUR", parameters=parameters) is low


@given(st.lists(st.integers(-1000, 1000), min_size=2))
def test_a_balance_is_told_once_until_it_has_recovered(readings: list[int]) -> None:
    parameters = {"threshold_minor": 0, "currency": "EUR"}

    told = [
        is_low(before_minor=before, now_minor=now, currency="EUR", parameters=parameters)
        for before, now in itertools.pairwise(readings)
    ]

    falls = [position for position, each in enumerate(told) if each]
    for first, second in itertools.pairwise(falls):
        assert any(reading >= 0 for reading in readings[first + 1 : second + 1])
