"""Customers and their year are invented the same way every time."""

import datetime as dt
from dataclasses import replace

import pytest

from partners.sandbox.ledger import Entry
from partners.sandbox.people import invent_customers, invent_history
from partners.sandbox.profiles import PROFILES, BankProfile

UNTIL = dt.datetime(2026, 3, 31, 18, 0, tzinfo=dt.UTC)


def _year(profile: BankProfile, seed: int) -> list[list[Entry]]:
    people = invent_customers(profile, seed=seed, count=3)
    return [invent_history(profile, person, seed=seed, until=UNTIL) for person in people]


@pytest.mark.parametrize("slug", PROFILES)
def test_the_same_seed_gives_the_same_people_and_year(slug: str) -> None:
    profile = PROFILES[slug]

    assert invent_customers(profile, seed=5, count=3) == invent_customers(profile, seed=5, count=3)
    assert _year(profile, 5) == _year(profile, 5)


def test_another_seed_gives_another_year() -> None:
    profile = PROFILES["aurelia"]

    assert _year(profile, 5) != _year(profile, 6)


def test_more_customers_do_not_change_the_first_ones() -> None:
    profile = PROFILES["northmoor"]

    assert invent_customers(profile, seed=5, count=9)[:3] == invent_customers(
        profile, seed=5, count=3
    )


@pytest.mark.parametrize("slug", PROFILES)
def test_logins_accounts_and_cards_are_unique_among_many(slug: str) -> None:
    people = invent_customers(PROFILES[slug], seed=1, count=300)
    accounts = [account for person in people for account in person.accounts]
    cards = [account.card.id for account in accounts if account.card]

    assert len({person.login for person in people}) == 300
    assert len({account.id for account in accounts}) == len(accounts)
    assert len(set(cards)) == len(cards)


@pytest.mark.parametrize("slug", PROFILES)
def test_no_account_number_could_be_real(slug: str) -> None:
    people = invent_customers(PROFILES[slug], seed=1, count=20)
    numbers = {
        (account.scheme, account.identification)
        for person in people
        for account in person.accounts
    }

    believable = [
        number
        for scheme, number in numbers
        if not (
            (scheme == "UK.OBIE.IBAN" and number[2:4] == "00")
            or (scheme == "UK.OBIE.SortCodeAccountNumber" and number.startswith("000000"))
            or (scheme == "UK.OBIE.PAN" and number.startswith("*" * 12))
        )
    ]
    assert believable == []


@pytest.mark.parametrize("slug", PROFILES)
def test_a_year_holds_what_a_life_holds(slug: str) -> None:
    entries = _year(PROFILES[slug], 5)[0]
    kinds = {entry.kind for entry in entries}
    abroad = [entry for entry in entries if entry.original_currency]

    assert kinds >= {"CARD_PURCHASE", "SALARY", "DIRECT_DEBIT", "TRANSFER_OUT", "FEE"}
    assert abroad != []
    assert len(entries) > 200
    assert all(entry.occurred_at < UNTIL for entry in entries)
    assert entries == sorted(entries, key=lambda entry: entry.occurred_at)


def test_a_bank_in_another_zone_lives_by_its_own_clock() -> None:
    profile = PROFILES["aurelia"]
    moved = replace(profile, zone="Asia/Tokyo")
    person = invent_customers(profile, seed=5, count=1)[0]

    rome = invent_history(profile, person, seed=5, until=UNTIL)
    tokyo = invent_history(moved, person, seed=5, until=UNTIL)

    salaries = [
        {entry.occurred_at.astimezone(zone).day for entry in year if entry.kind == "SALARY"}
        for year, zone in ((rome, profile.tz), (tokyo, moved.tz))
    ]
    assert salaries == [{27}, {27}]
