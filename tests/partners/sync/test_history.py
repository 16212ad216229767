"""The first reading of a history, held by staff in the middle of it; judged by the bank's ledger and its book of calls."""

from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone

from partners.banks.models import Bank, Customer
from partners.connections.models import Connection
from partners.feeds.models import Feed, FeedCursor
from partners.integrations.models import Integration
from partners.ledger.models import Entry
from partners.sync import pulling
from partners.sync.history import Decision, decide_history
from partners.sync.models import SyncRun
from partners.sync.pulling import pull_bank
from partners.sync.rules import GIVEN_AT_ANY_TIME
from portal.rest.problems import NotFound
from portal.tenancy.blocks import serving
from portal.tenancy.leases import LEASE
from tests.sandbox_bank import EVERYTHING, SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]

STAFF = uuid4()
HISTORY = timedelta(days=365)


class History:
    """One account's history of several pages, none of which was read yet."""

    def __init__(self, sandbox: SandboxBank, bank: Bank, customer: Customer, account: str) -> None:
        self.sandbox, self.bank, self.customer = sandbox, bank, customer
        with serving(bank.id):
            FeedCursor.objects.exclude(kind="transactions").delete()
            FeedCursor.objects.exclude(account__external_id=account).delete()
            row = FeedCursor.objects.get()
        self.id: UUID = row.id
        self.row_account: UUID = row.account_id
        self.account = account
        self.seen = max((each["number"] for each in self.calls()), default=0)

    def calls(self, after: int = 0) -> list[dict[str, Any]]:
        return list(self.sandbox.do("GET", f"calls?after={after}")["calls"])

    def asked(self) -> list[dict[str, Any]]:
        """What the bank was asked about payments since this was asked last."""
        found = [each for each in self.calls(self.seen) if "transactions" in each["path"]]
        self.seen = max((each["number"] for each in found), default=self.seen)
        return found

    def row(self) -> FeedCursor:
        with serving(self.bank.id):
            return FeedCursor.objects.get(pk=self.id)

    def read(self, clock: Callable[[], datetime] = timezone.now) -> None:
        with serving(self.bank.id):
            FeedCursor.objects.filter(due_at__isnull=False).update(due_at=timezone.now())
        pull_bank(bank_id=self.bank.id, clock=clock, at_most=1)

    def stands(self, **so: Any) -> None:
        with serving(self.bank.id):
            FeedCursor.objects.update(**so)

    def share(self, *, on: bool) -> None:
        with serving(self.bank.id):
            Feed.objects.filter(kind="transactions").update(enabled=on)

    def decide(self, decision: Decision) -> bool:
        with serving(self.bank.id):
            return decide_history(
                decision,
                customer_id=self.customer.id,
                account_id=self.row_account,
                staff_id=STAFF,
                at=timezone.now(),
            )

    def stored(self) -> Counter[str]:
        with serving(self.bank.id):
            rows = Entry.objects.filter(account__external_id=self.account)
            return Counter(rows.values_list("external_id", flat=True))

    def of_the_bank(self, since: date | None = None) -> Counter[str]:
        """What the bank's own ledger has of the account from that day on, or of the year that was allowed."""
        zone = ZoneInfo(self.bank.time_zone)
        first = since or (timezone.now() - HISTORY).astimezone(zone).date()
        told = self.sandbox.do("GET", "ledger?limit=5000")
        assert not told["has_more"]
        return Counter(
            each["TransactionId"]
            for each in told["transactions"]
            if each["AccountId"] == self.account
            and each["status"] in {"pending", "booked"}
            and datetime.fromisoformat(each["occurred_at"]).astimezone(zone).date() >= first
        )

    def missing(self, since: date | None = None) -> Counter[str]:
        return self.of_the_bank(since) - self.stored()


@pytest.fixture
def one_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that lets go after each page, as of a history that takes it longer than its time."""
    monkeypatch.setattr(pulling, "_TURN_SECONDS", -1)
    monkeypatch.setattr(pulling, "MAX_KEPT_ROWS", 0)


@pytest.fixture
def history(
    sandbox: SandboxBank, person: dict[str, Any], request: pytest.FixtureRequest
) -> History:
    bank = know_bank(sandbox)
    with serving(bank.id):
        Integration.objects.update(connector=getattr(request, "param", "uk_open_banking"))
    customer = know_customer(bank, person)
    link(sandbox, customer, person["login"])
    return History(sandbox, bank, customer, person["accounts"][0]["AccountId"])


@pytest.mark.parametrize("history", ["uk_open_banking", "berlin_group"], indirect=True)
@pytest.mark.usefixtures("one_page")
def test_a_paused_history_is_not_asked_for_and_goes_on_where_it_stood(
    history: History, person: dict[str, Any]
) -> None:
    history.read()
    history.read()
    before = history.row()
    assert (len(history.asked()), before.history_rows, before.covered_until) == (2, 200, None)
    assert history.decide(Decision.PAUSE)
    assert not history.decide(Decision.PAUSE)

    # What is new is read on, and what is covered by now is true.
    bought = history.sandbox.buy(person["login"], account=history.account)
    history.read()
    paused = history.row()
    (live,) = history.asked()
    window = (timezone.now() - timedelta(days=12)).date()
    assert "page" not in live["query"]
    assert max(part for part in live["query"].split("=") if part[:2] == "20") >= str(window)
    assert (paused.history, paused.history_rows) == ("paused", 200)
    assert paused.covered_from is not None
    assert bought["TransactionId"] in history.stored()
    assert history.missing(paused.covered_from) == Counter()
    assert history.missing() != Counter()

    # A reading of what is new that fails, for whatever reason, is none of the history's.
    history.sandbox.be(error_rate=1.0, status=503)
    history.read()
    assert history.row().last_problem == "unavailable"
    history.sandbox.be()
    history.share(on=False)
    history.read()
    assert history.row().last_problem == "bank_not_sharing"
    history.share(on=True)
    assert history.row().history_place == paused.history_place != ""
    history.asked()

    assert history.decide(Decision.RESUME)
    assert not history.decide(Decision.RESUME)
    while history.row().covered_until is None:
        history.read()

    after = history.row()
    assert all("page" in each["query"] for each in history.asked())
    assert history.missing() == Counter()
    assert set(history.stored().values()) == {1}
    assert (after.history, after.history_place, after.covered_from) == ("", "", after.reached_from)
    with serving(history.bank.id):
        decided = SyncRun.objects.filter(decided_by=f"staff:{STAFF}").order_by("id")
        assert sorted(decided.values_list("outcome", flat=True)) == ["paused", "resumed"]


@pytest.mark.usefixtures("one_page")
def test_a_cancelled_history_keeps_what_it_has_and_can_be_begun_again(history: History) -> None:
    history.read()
    assert history.decide(Decision.PAUSE)
    assert history.decide(Decision.CANCEL)
    assert not history.decide(Decision.RESUME)
    kept = history.stored()
    history.asked()

    history.read()
    cancelled = history.row()
    (live,) = history.asked()
    assert "page" not in live["query"]
    assert (history.stored(), cancelled.history) == (kept, "cancelled")
    assert history.missing(cancelled.covered_from) == Counter()

    assert history.decide(Decision.BEGIN_AGAIN)
    while history.row().covered_until is None:
        history.read()
    assert (history.missing(), set(history.stored().values())) == (Counter(), {1})
    assert history.row().history_rows == sum(history.stored().values())
    assert not history.decide(Decision.CANCEL)


def test_a_worker_that_reads_just_then_stores_nothing_more(history: History) -> None:
    """The lease is taken from it, and at most the page under way was asked for."""
    times = iter(range(100))

    def clock() -> datetime:
        # Once the first page is stored: before the second is asked for, or kept.
        if next(times) == 4:
            assert history.row().history_rows == 100
            assert history.decide(Decision.PAUSE)
        return timezone.now()

    history.read(clock)

    assert len(history.asked()) <= 2
    assert (sum(history.stored().values()), history.row().history) == (100, "paused")


def test_a_worker_that_is_killed_in_the_middle_is_followed_by_one_that_goes_on(
    history: History,
) -> None:
    class Killed(BaseException):
        pass

    times = iter(range(100))

    def clock() -> datetime:
        if next(times) == 5:
            raise Killed
        return timezone.now()

    with pytest.raises(Killed):
        history.read(clock)
    assert 0 < history.row().history_rows < sum(history.of_the_bank().values())
    first = len(history.asked())

    later = timezone.now() + LEASE + timedelta(seconds=1)
    pull_bank(bank_id=history.bank.id, clock=lambda: later, at_most=1)

    assert (history.missing(), set(history.stored().values())) == (Counter(), {1})
    assert history.row().history_rows == sum(history.stored().values())
    rest = history.asked()
    assert first
    assert all("page" in each["query"] for each in rest)


def test_what_was_read_before_a_bank_wants_to_be_left_alone_is_not_asked_of_it_again(
    history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bank that answers two calls and no more: each time the history comes two pages further.

    However many rows they are: what is stored page by page has its turn of seconds.
    """
    monkeypatch.setattr(pulling, "MAX_KEPT_ROWS", 0)
    history.sandbox.do("PUT", "allowance", a_day=2)
    try:
        history.read()
    finally:
        history.sandbox.do("PUT", "allowance", a_day=None)
    assert [each["status"] for each in history.asked()] == [200, 200, 429]
    assert (history.row().history_rows, history.row().last_problem) == (200, "rate_limited")

    with serving(history.bank.id):
        Connection.objects.update(resume_at=None)
    history.read()
    assert all("page" in each["query"] for each in history.asked())
    assert (history.missing(), set(history.stored().values())) == (Counter(), {1})
    assert history.row().history_rows == sum(history.stored().values())


@pytest.mark.parametrize("history", ["cursor_sync"], indirect=True)
def test_a_bank_that_tells_one_line_of_changes_is_not_asked_while_it_is_held(
    history: History,
) -> None:
    assert history.decide(Decision.PAUSE)
    # As a new link would make it due.
    with serving(history.bank.id):
        FeedCursor.objects.update(due_at=timezone.now())
    history.read()
    held = history.row()
    assert (history.asked(), held.due_at, held.last_problem) == ([], None, "history_held")

    assert history.decide(Decision.RESUME)
    history.read()
    assert (history.missing(), history.row().last_problem) == (Counter(), "")


@pytest.mark.parametrize("history", ["uk_open_banking", "berlin_group"], indirect=True)
@pytest.mark.usefixtures("one_page")
def test_days_that_a_bank_refuses_are_left_out_and_what_is_new_is_read(
    history: History, person: dict[str, Any]
) -> None:
    """It gives a year to who has just signed in, and ninety days later on: between two pages, and for ever."""
    zone = ZoneInfo(history.bank.time_zone)
    given_from = timezone.now().astimezone(zone).date() - GIVEN_AT_ANY_TIME
    history.read()
    history.sandbox.be(gives_days=90)
    history.read()
    history.read()
    assert [each["status"] for each in history.asked()] == [200, 400, 400]

    while history.row().covered_until is None:
        history.read()
    after = history.row()
    assert {each["status"] for each in history.asked()} == {200}
    assert (after.given_from, after.history_from, after.last_problem) == (
        given_from,
        given_from,
        "",
    )
    assert after.covered_from is not None
    assert after.covered_from >= given_from
    assert history.missing(given_from) == Counter() != history.missing()
    bought = history.sandbox.buy(person["login"], account=history.account)
    history.read()
    assert bought["TransactionId"] in history.stored()

    # All was read up to now, and older days were to be read once more: they are here, refused or not.
    older, before = given_from - HISTORY, given_from - timedelta(days=20)
    history.stands(covered_from=older, covered_until=before, given_from=None)
    for _ in range(2):
        history.read()
    again = history.row()
    assert (again.covered_from, again.given_from, again.last_problem) == (older, given_from, "")
    assert again.covered_until == given_from + GIVEN_AT_ANY_TIME

    # Nothing was read for longer than the bank gives: what lies between is not said to be here.
    lapsed = {"covered_until": before, "fresh_as_of": timezone.now() - timedelta(days=108)}
    history.stands(given_from=None, **lapsed)
    history.read()
    while history.row().covered_until is None:
        history.read()
    assert history.row().covered_from == after.covered_from

    # So it is where staff hold the rest of the history back.
    history.stands(history="cancelled", covered_from=older, given_from=None, **lapsed)
    bought = history.sandbox.buy(person["login"], account=history.account)
    for _ in range(2):
        history.read()
    held = history.row()
    assert (held.history, held.covered_from, held.last_problem) == ("cancelled", given_from, "")
    assert bought["TransactionId"] in history.stored()
    history.stands(history="")

    # Who signs in there again is given all of it.
    history.sandbox.be()
    link(history.sandbox, history.customer, person["login"])
    while history.row().covered_until is None:
        history.read()
    assert (history.row().given_from, history.missing()) == (None, Counter())
    assert set(history.stored().values()) == {1}


def test_a_history_of_somebody_else_is_nobodys_to_decide(history: History) -> None:
    with serving(history.bank.id), pytest.raises(NotFound):
        decide_history(
            Decision.PAUSE,
            customer_id=uuid4(),
            account_id=history.row_account,
            staff_id=STAFF,
            at=timezone.now(),
        )


@pytest.mark.parametrize(
    ("connector", "is_paused"),
    [("uk_open_banking", False), ("uk_open_banking", True), ("cursor_sync", False)],
)
def test_no_more_is_kept_than_was_chosen_and_what_is_chosen_later_is_read_too(
    sandbox: SandboxBank, person: dict[str, Any], connector: str, *, is_paused: bool
) -> None:
    bank = know_bank(sandbox)
    with serving(bank.id):
        Integration.objects.update(connector=connector)
    customer = know_customer(bank, person)
    link(sandbox, customer, person["login"], choice={**EVERYTHING, "months": 3})
    history = History(sandbox, bank, customer, person["accounts"][0]["AccountId"])
    history.read()
    short = (timezone.now() - timedelta(days=90)).astimezone(ZoneInfo(bank.time_zone)).date()
    assert history.stored() == history.of_the_bank(short)
    assert history.missing() != Counter()
    covered = history.row().covered_from
    assert covered is not None
    assert covered >= short

    if is_paused:
        with serving(bank.id):
            FeedCursor.objects.update(
                history="paused", history_place="of the shorter one", given_from=short
            )
    link(sandbox, customer, person["login"], choice={**EVERYTHING, "months": 12})
    assert history.decide(Decision.RESUME) == is_paused
    history.read()
    assert history.missing() == Counter()
    assert set(history.stored().values()) == {1}
    after = history.row().covered_from
    assert after is not None
    assert after < short
