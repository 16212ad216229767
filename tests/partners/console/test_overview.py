"""A bank's overview: what it shows, to whom, at which cost."""

from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from partners.alerts.models import Alert
from partners.banks.models import Staff
from partners.console import queries
from partners.feeds.models import FeedCursor
from partners.ledger.models import Account, Entry
from partners.purchases.actions import tie_waiting
from partners.sync.models import Notification
from partners.sync.queries import failing
from partners.sync.states import FAILING_AFTER
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_entry, make_household, share
from tests.factories.partners import make_account, make_bank
from tests.factories.purchases import occasion, tell_receipt, tell_shipment
from tests.partners.console.scene import read_by, statements, words_of

pytestmark = pytest.mark.django_db


def test_the_overview_counts_the_banks_own_day() -> None:
    household = make_household(make_bank(time_zone="Pacific/Kiritimati"))
    bank = household.bank
    midnight = datetime(2026, 3, 14, 10, 0, tzinfo=UTC)  # 14 hours ahead: a new day begins there
    with serving(bank.id):
        first, second = Entry.objects.order_by("id")
        Entry.objects.filter(pk=first.pk).update(created_at=midnight - timedelta(minutes=1))
        Entry.objects.filter(pk=second.pk).update(created_at=midnight + timedelta(minutes=1))
        Alert.objects.create(
            account=household.account,
            alert_type="refund",
            once_key="refund:1",
            rule_version=1,
            raised_at=midnight + timedelta(hours=1),
        )
        read = queries.overview(bank, at=midnight + timedelta(hours=2))
    assert [(each.transactions, each.alerts) for each in read["days"][-2:]] == [(1, 0), (1, 1)]
    assert len(read["days"]) == queries.DAYS
    assert read["counts"]["transactions_today"] == 1
    assert read["counts"]["customers_linked"] == 1


def test_the_overview_shows_notifications_and_renews_itself() -> None:
    household = make_household()
    with serving(household.bank.id):
        Notification.objects.create(
            jti="one", account_external_ids=["a", "b"], received_at=timezone.now()
        )
    browser = browser_of(household.bank)
    page = words_of(browser, page_of("overview", household.bank.slug))
    live = page_of("overview_live", household.bank.slug)
    assert f'hx-get="{live}"' in page
    assert "2 accounts changed" in words_of(browser, live)
    assert "<html" not in words_of(browser, live)


def test_the_overview_costs_the_same_however_many_customers() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("overview_live", bank.slug)
    browser.get(where)  # days that are over are counted once
    before = statements(browser, where)
    for _ in range(4):
        make_household(bank)
    # Tests beside this one empty the cache that they share: the least of three is what it costs.
    assert min(statements(browser, where) for _ in range(3)) == before


def test_a_bank_that_shares_nothing_says_so() -> None:
    bank = make_bank()
    said = f"{bank.name} shares nothing"
    browser = browser_of(bank)
    for page in ("overview", "feeds", "disclosures"):
        assert said in words_of(browser, page_of(page, bank.slug))
    share(bank, feeds=["balances"])
    for page in ("overview", "feeds", "disclosures"):
        assert said not in words_of(browser, page_of(page, bank.slug))


def test_what_fails_again_and_again_is_shown_with_its_cause_and_tried_again_once() -> None:
    household = make_household()
    bank, now = household.bank, timezone.now()
    later = now + timedelta(minutes=9)
    row = read_by(
        household.customer,
        household.account,
        at=now,
        last_problem="refused 403",
        attempts=7,
        due_at=later,
    )
    owner = browser_of(bank)
    where, again = page_of("overview", bank.slug), page_of("try_again", bank.slug)
    (shown,) = owner.get(where).context["failing"]
    assert (shown["accounts"], shown["is_waiting"]) == (1, True)
    said = {"kind": shown["kind"], "problem": shown["problem"]}
    assert "refuses the request. (403)" in words_of(owner, where)

    # Who may look and not configure is offered nothing, and refused.
    auditor = browser_of(bank, Staff.Role.AUDITOR)
    assert again not in words_of(auditor, where)
    assert auditor.post(again, said).status_code == 403
    assert owner.post(again, {"kind": "passwords", "problem": "x"}).status_code == 400
    assert owner.post(again, said | {"problem": "unavailable"}).status_code == 302

    def due() -> datetime | None:
        with serving(bank.id):
            return FeedCursor.objects.get(pk=row.pk).due_at

    assert due() == later
    owner.post(again, said)
    first = due()
    assert first is not None
    assert first < later
    owner.post(again, said)
    assert due() == first
    (shown,) = owner.get(where).context["failing"]
    assert not shown["is_waiting"]

    # Who had it done, once: an auditor finds it.
    (deed,) = auditor.get(page_of("deeds", bank.slug)).context["deeds"]
    assert deed["title"] == "Had failing readings tried again"
    kind = shown["kind_label"]
    assert deed["text"] == f"{kind} · 1 reading · {shown['reason']}"
    assert deed["who"] == owner.get(where).context["staff"]["name"]


def test_what_fails_is_found_without_a_look_at_what_does_not() -> None:
    household = make_household()
    bank, now = household.bank, timezone.now()
    row = read_by(
        household.customer,
        household.account,
        at=now,
        last_problem="refused 403",
        attempts=FAILING_AFTER,
        due_at=now + timedelta(minutes=9),
    )
    with serving(bank.id):
        many = Account.objects.bulk_create(
            Account(external_id=f"many-{n}", name="Current", currency="EUR") for n in range(1000)
        )
        FeedCursor.objects.bulk_create(
            FeedCursor(
                connection_id=row.connection_id, account=each, kind="transactions", due_at=now
            )
            for each in many
        )
        with CaptureQueriesContext(connection) as asked:
            (found,) = failing(at=now)
        statement = asked.captured_queries[-1]["sql"]
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE partners_feedcursor")
            cursor.execute(f"EXPLAIN {statement}")
            plan = "\n".join(line[0] for line in cursor.fetchall())

    assert (len(asked), found.accounts) == (1, 1)
    assert "feed_cursor_failing" in plan
    assert "Seq Scan on partners_feedcursor" not in plan


@pytest.mark.parametrize(
    ("problem", "attempts"),
    [("unavailable", 2), ("rate_limited", 9), ("consent_revoked", 9), ("", 9)],
)
def test_what_is_tried_for_a_while_or_not_to_be_read_is_no_failure_of_the_systems(
    problem: str, attempts: int
) -> None:
    household = make_household()
    read_by(
        household.customer,
        household.account,
        at=timezone.now(),
        last_problem=problem,
        attempts=attempts,
    )
    page = browser_of(household.bank).get(page_of("overview", household.bank.slug))
    assert page.context["failing"] == []


def test_what_waits_for_its_payment_is_counted_with_since_when_until_it_is_known() -> None:
    household, other = make_household(), make_household()
    bank, account = household.bank, household.account
    browser, where = browser_of(bank), page_of("overview", bank.slug)
    known, second = make_entry(account), make_entry(make_account(bank))
    tell_receipt(known)
    tell_shipment(make_entry(other.account), transaction_external_id="t-none")
    assert browser.get(where).context["waiting"] == []

    begin = timezone.now() - timedelta(seconds=1)
    for entry, name in ((known, "t-late"), (known, "t-none"), (second, "t-none")):
        tell_receipt(entry, transaction_external_id=name)
    tell_shipment(known, transaction_external_id="t-late")
    shown = browser.get(where)
    make_entry(account, external_id="t-late")
    with serving(bank.id):
        tie_waiting(account_id=account.id, occasion=occasion())
    later = browser.get(where).context["waiting"]

    told = [(each["label"], each["accounts"]) for each in shown.context["waiting"]]
    assert told == [("3 receipts", 2), ("1 parcel", 1)]
    assert all(begin <= each["since"] <= timezone.now() for each in shown.context["waiting"])
    assert "Waits for its payment" in shown.content.decode()
    assert [(each["label"], each["accounts"]) for each in later] == [("2 receipts", 2)]
