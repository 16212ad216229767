"""What state a connection is in, when its tokens are renewed, and what a customer may choose."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from partners.feeds.masks import Masks, tells_what_is_masked
from partners.feeds.rules import BELONG_TO_PAYMENTS

ACTIVE, EXPIRED, REVOKED = "active", "expired", "revoked"

DAYS = (30, 90, 180, 365)
# How far back payments may be read, in months, by the days that these are; a bank is asked for the most of it.
HISTORIES: Mapping[int, int] = {3: 90, 12: 365}
HISTORY = timedelta(days=HISTORIES[12])
# How long the bank is asked to let us read: at most what a customer can allow, now or by extending it.
AUTHORISED_FOR = timedelta(days=365)
AUTHORISATION_AGE = timedelta(minutes=10)

# What is asked of the bank as a consent ends, a freeze for one, finds its answer before we let go.
SETTLES_IN = timedelta(minutes=5)
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=1), timedelta(hours=6)
_RENEWED_BEFORE = timedelta(seconds=60)
_WAIT_UNLESS_SAID = timedelta(seconds=30)
# Alert types that are found in transactions; the others in balances.
_IN_BALANCES = frozenset({"low_balance"})


def needs_refresh(*, expires_at: datetime, at: datetime) -> bool:
    """Whether the access token may end before a request with it is answered."""
    return expires_at - at <= _RENEWED_BEFORE


def status_after_refusal(*, authorised_until: datetime | None, at: datetime) -> str:
    """The state once the bank takes our tokens no more: over by its own end, or ended before it."""
    over = authorised_until is not None and authorised_until <= at
    return EXPIRED if over else REVOKED


def resume_at(*, at: datetime, retry_after: timedelta | None) -> datetime:
    """When a bank that was asked too often may be asked again."""
    return at + (_WAIT_UNLESS_SAID if retry_after is None else retry_after)


def told_again_at(*, at: datetime, attempts: int) -> datetime:
    """When a bank that did not listen that often is told again that something is over."""
    return at + min(_FIRST_WAIT * (1 << min(attempts, 10)), _LONGEST_WAIT)


@dataclass(frozen=True)
class Choice:
    """What a customer chose on our page: of the accounts that they picked, for how long, and how far back."""

    feeds: tuple[str, ...]
    alert_types: tuple[str, ...]
    days: int
    months: int = 12

    def as_data(self) -> dict[str, Any]:
        return {
            "feeds": list(self.feeds),
            "alert_types": list(self.alert_types),
            "days": self.days,
            "months": self.months,
        }

    @property
    def kinds_to_read(self) -> frozenset[str]:
        """The feeds to read for it: those chosen, and those that these and the alerts are found in."""
        found_in = {
            "balances" if each in _IN_BALANCES else "transactions" for each in self.alert_types
        }
        tied_to = {"transactions"} if BELONG_TO_PAYMENTS.intersection(self.feeds) else set()
        return frozenset(self.feeds) | found_in | tied_to

    @property
    def history(self) -> timedelta:
        return timedelta(days=HISTORIES[self.months])

    def expires_at(self, at: datetime) -> datetime:
        return at + timedelta(days=self.days)


def read_choice(data: Mapping[str, Any]) -> Choice | None:
    """The choice that a form or a stored row holds; None for anything else."""
    feeds, alert_types, days = data.get("feeds"), data.get("alert_types"), data.get("days")
    # What was chosen before there was a choice of it was the whole.
    months = data.get("months", 12)
    if not (_are_words(feeds) and _are_words(alert_types) and days in DAYS):
        return None
    if months not in HISTORIES:
        return None
    return Choice(
        tuple(sorted(set(feeds or ()))), tuple(sorted(set(alert_types or ()))), days, months
    )


def _are_words(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)


def what_is_wrong(
    choice: Choice, *, shared_feeds: Collection[str], shared_alerts: Collection[str]
) -> str:
    """Why a choice cannot be made, as a code; empty where it can."""
    if not choice.feeds and not choice.alert_types:
        return "nothing_chosen"
    if set(choice.feeds) - set(shared_feeds) or set(choice.alert_types) - set(shared_alerts):
        return "not_shared"
    if choice.kinds_to_read - set(shared_feeds):
        return "not_shared"
    return ""


def feeds_that_can_be_shown(shared_feeds: Collection[str]) -> frozenset[str]:
    """Of the bank's feeds, those that can be shown: none that belongs to payments without these."""
    if "transactions" in shared_feeds:
        return frozenset(shared_feeds)
    return frozenset(shared_feeds) - BELONG_TO_PAYMENTS


def alerts_that_can_be_found(
    rules: Mapping[str, Mapping[str, Any]], *, shared: Mapping[str, Masks]
) -> list[str]:
    """Of the bank's alert types, those whose feed it shares, and that tell nothing which it masks there."""
    feeds = {each: "balances" if each in _IN_BALANCES else "transactions" for each in rules}
    return [
        each
        for each, parameters in rules.items()
        if feeds[each] in shared
        and not tells_what_is_masked(each, parameters, shared[feeds[each]])
    ]
