"""Which days a reader is told to be whole, and what the customer sees of their history being read."""

from datetime import UTC, date, datetime, timedelta
from uuid import uuid4

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from partners.feeds.models import FeedCursor
from partners.sharing.coverage import covered_days
from portal.tenancy.blocks import serving
from tests.factories.accounts import Household, make_connection, make_household
from tests.factories.partners import unreadable
from tests.partners.sharing.test_api import make_program, read
from tests.partners.sharing.test_views import Window

pytestmark = pytest.mark.django_db

TODAY = date(2026, 11, 26)
BANK = uuid4()
DAYS = st.integers(0, 800).map(lambda back: TODAY - timedelta(days=back))


def place(since: date | None, until: date | None, kind: str = "transactions") -> FeedCursor:
    return FeedCursor(bank_id=BANK, kind=kind, covered_from=since, covered_until=until)


@given(since=DAYS, until=DAYS, history_from=DAYS, by_month=st.booleans())
def test_no_day_is_told_that_is_not_covered_or_not_allowed(
    since: date, until: date, history_from: date, *, by_month: bool
) -> None:
    told = covered_days([place(since, until)], history_from=history_from, by_month=by_month)
    if told["covered_from"] is None:
        assert told["covered_until"] is None
        return
    first = date.fromisoformat(told["covered_from"])
    last = date.fromisoformat(told["covered_until"] or "")
    assert max(since, history_from) <= first <= last <= until
    assert not by_month or first.day == last.day == 1


def test_of_several_ways_the_one_that_was_read_last_and_furthest_counts() -> None:
    ways = [
        place(None, None),
        place(TODAY - timedelta(days=9), TODAY),
        place(TODAY - timedelta(days=90), TODAY),
        place(TODAY - timedelta(days=300), TODAY - timedelta(days=20)),
        place(TODAY - timedelta(days=600), TODAY, kind="receipts"),
    ]
    told = covered_days(ways, history_from=date.min, by_month=False)
    assert told == {
        "covered_from": "2026-08-28",
        "covered_until": "2026-11-26",
        "unreadable_rows": 0,
    }


@pytest.fixture
def home() -> Household:
    return make_household()


@pytest.fixture
def window(home: Household) -> Window:
    opened = Window()
    opened.enter(home)
    return opened


def reading(home: Household, at: datetime) -> FeedCursor:
    way = make_connection(home.customer)
    with serving(home.bank_id):
        return FeedCursor.objects.create(
            connection=way,
            account=home.account,
            kind="transactions",
            due_at=at,
            cursor="the bank's next page",
            history_order="back",
            history_rows=300,
            history_from=at.date() - timedelta(days=365),
            history_until=at.date(),
            reached_from=date(2026, 8, 1),
            reached_until=at.date(),
        )


def test_a_program_is_told_what_is_here_in_full(home: Household) -> None:
    row = reading(home, timezone.now())
    program = make_program(home, history_from=date(2026, 1, 1))
    where = f"accounts/{home.account.id}/transactions"
    before = read(program.get(where))
    with serving(home.bank_id):
        FeedCursor.objects.filter(pk=row.pk).update(
            covered_from=date(2025, 12, 1),
            covered_until=date(2026, 7, 1),
            **unreadable("amount", "date", at=datetime(2026, 6, 1, tzinfo=UTC)),
        )

    after = read(program.get(where))
    later = make_program(home, history_from=date(2026, 6, 2))

    assert (before["covered_from"], before["covered_until"]) == (None, None)
    assert (after["covered_from"], after["covered_until"]) == ("2026-01-01", "2026-07-01")
    # Rows of days that the reader may not see are not told of.
    told = [each["unreadable_rows"] for each in (before, after, read(later.get(where)))]
    assert told == [0, 2, 0]


def test_a_customer_sees_how_far_their_payments_are_read_and_that_it_is_held(
    home: Household, window: Window
) -> None:
    row = reading(home, timezone.now())
    page = window.text()
    assert "Your payments are being read, so far back to" in page
    assert 'hx-get="/sharing/accounts"' in page
    with serving(home.bank_id):
        FeedCursor.objects.filter(pk=row.pk).update(
            history="paused", covered_from=date(2026, 8, 5), covered_until=date(2026, 11, 26)
        )

    held = window.text("/sharing/accounts")
    with serving(home.bank_id):
        FeedCursor.objects.filter(pk=row.pk).update(**unreadable("amount", at=timezone.now()))
    lacking = window.text("/sharing/accounts")
    with serving(home.bank_id):
        FeedCursor.objects.filter(pk=row.pk).update(history="", covered_from=None)
    empty = window.text("/sharing/accounts")

    assert "are here, but for 1 that could not be read" in lacking
    assert "in full" not in lacking
    assert "No booked payment is here: 1 that your bank lists could not be read." in empty
    assert "has listed no booked payment" not in empty
    assert "are here in full" in held
    assert "Older ones are not being read" in held
    assert "hx-get" not in held
