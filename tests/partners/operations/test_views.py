"""The operator's page: counts of every bank, and nobody's data."""

import math
from datetime import timedelta

import pytest
from django.utils import timezone

from partners.feeds.models import FeedCursor
from partners.operations.words import QUEUES, reached_rows, unreadable_row
from portal.telemetry.measures import NOTICE_LAG
from portal.telemetry.queues import queue_tables
from portal.telemetry.totals import Totals, within
from portal.tenancy.blocks import serving
from tests.desk import browser_of, console_browser, page_of
from tests.factories.any_row import make_row
from tests.factories.partners import make_bank, unreadable
from tests.factories.people import make_person

# The system role reads what was committed.
pytestmark = pytest.mark.django_db(transaction=True, databases=["default", "system"])
PAGES = ("operations", "operations_live", "operations_counts")


def test_the_operator_sees_what_waits_and_for_whom() -> None:
    bank, idle = make_bank(name="Waiting Bank"), make_bank(name="Idle Bank")
    with serving(bank.id):
        make_row(
            FeedCursor,
            due_at=timezone.now() - timedelta(minutes=2),
            **unreadable("amount", "date", at=timezone.now()),
        )
    browser = console_browser(make_person("operator@portal.example", is_operator=True))

    answer = browser.get(page_of("operations"))
    page = answer.content.decode()

    assert "Feeds to read at banks" in page
    assert "Waiting Bank" in page
    assert answer.context["queues"][-1] == unreadable_row(2)
    assert "1 piece of work" in page
    assert idle.name not in page


def test_every_queue_has_words() -> None:
    assert set(queue_tables()) - set(QUEUES) == set()


def test_the_plot_is_drawn_from_counts() -> None:
    browser = console_browser(make_person("operator@portal.example", is_operator=True))
    browser.get(page_of("operations_live"))

    first = browser.get(page_of("operations_counts")).json()
    second = browser.get(page_of("operations_counts")).json()

    assert second["requests"] == first["requests"] + 1
    assert second["at"] > first["at"]


@pytest.mark.parametrize("name", PAGES)
def test_nobody_else_sees_it(name: str) -> None:
    staff, stranger = browser_of(make_bank()), console_browser()

    assert staff.get(page_of(name)).status_code == 404
    assert stranger.get(page_of(name)).status_code == 302


def test_how_fast_alerts_reached_closed_phones_is_shown() -> None:
    browser = console_browser(make_person("operator@portal.example", is_operator=True))
    NOTICE_LAG.labels("mail").observe(22)

    page = browser.get(page_of("operations_live")).content.decode()

    assert "Half within" in page


def test_of_each_way_is_said_within_how_long_half_and_almost_all_came() -> None:
    mail = [(20.0, 1), (30.0, 3), (90.0, 3), (14400.0, 4), (math.inf, 4)]
    counted = Totals(0, 0, 0, 0, 0, {}, reached={"mail": mail, "push": [(math.inf, 0)]})

    assert reached_rows(counted) == [{"label": "Mail", "count": 4, "half": "30 s", "most": "4 h"}]


@pytest.mark.parametrize(
    ("share", "bound"), [(0.25, 1.0), (0.5, 5.0), (0.75, 5.0), (0.99, math.inf)]
)
def test_a_share_is_within_the_first_bound_that_it_did_not_pass(
    share: float, bound: float
) -> None:
    buckets = [(1.0, 1), (5.0, 3), (math.inf, 4)]

    assert within(buckets, share) == bound
    assert within([], share) is None
    assert within([(1.0, 0), (math.inf, 0)], share) is None
