"""A connection's state in words for staff: what it is, why, and what to do."""

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.feeds.histories import missing_before, percent_of, state_of
from partners.feeds.models import FeedCursor, FeedKind
from partners.feeds.unreadable import Unreadable
from partners.sync.again import may_be_read_again, refused_rows
from partners.sync.history import Decision
from partners.sync.queries import Failing
from partners.sync.states import (
    CALLS_USED_UP,
    HISTORY_HELD,
    ROWS_UNREADABLE,
    Standing,
    State,
)

LABELS: Mapping[State, tuple[Any, str]] = {
    State.HEALTHY: (gettext_lazy("Healthy"), "good"),
    State.EXPIRING: (gettext_lazy("Expiring"), "warn"),
    State.LATE: (gettext_lazy("Late"), "warn"),
    State.RATE_LIMITED: (gettext_lazy("Asked too often"), "warn"),
    State.PAUSED: (gettext_lazy("Paused"), "warn"),
    State.FAILING: (gettext_lazy("Failing"), "danger"),
    State.NEEDS_SIGN_IN: (gettext_lazy("Needs sign-in"), "danger"),
}
HISTORY_LABELS: Mapping[Decision, Any] = {
    Decision.PAUSE: gettext_lazy("Pause"),
    Decision.RESUME: gettext_lazy("Resume"),
    Decision.CANCEL: gettext_lazy("Cancel"),
    Decision.BEGIN_AGAIN: gettext_lazy("Begin again"),
}
MAY_BE_DECIDED: Mapping[str, tuple[Decision, ...]] = {
    "reading": (Decision.PAUSE, Decision.CANCEL),
    "paused": (Decision.RESUME, Decision.CANCEL),
    "cancelled": (Decision.BEGIN_AGAIN,),
}
_MOST_CAUSES = 5
_AMOUNT = gettext_lazy("is no exact amount in its currency")
_CURRENCIES = gettext_lazy("does not fit the row's other currencies")
_DATE = gettext_lazy("is no date, or none that can be")
_MISSING = gettext_lazy("is missing, or is not what the standard has there")
_TOO_MANY = gettext_lazy("has more or fewer entries than there can be")
# Why a row could not be read, by the words of those who read it; what has none of its own is said as it is.
_WHY_UNREADABLE: Mapping[str, Any] = {
    **dict.fromkeys(
        (
            "not a number",
            "not an unsigned decimal",
            "finer than the currency's minor unit",
            "more digits than an amount may have",
            "an amount that was instructed has no sign",
        ),
        _AMOUNT,
    ),
    **dict.fromkeys(
        (
            "neither side is the amount's currency",
            "neither side of the exchange",
            "the account's own",
        ),
        _CURRENCIES,
    ),
    **dict.fromkeys(
        (
            "a date without a time",
            "neither a booking date nor a value date",
            "not a date",
            "not a date in the calendar",
            "not a date of our time",
            "not a moment",
        ),
        _DATE,
    ),
    **dict.fromkeys(
        (
            "empty, or too long",
            "missing",
            "not a list",
            "not a string",
            "not a whole number from 1",
            "not an object",
            "not true or false",
            "not a number of more than zero with three digits at most",
        ),
        _MISSING,
    ),
    **dict.fromkeys(
        (
            "more rows than a page may hold",
            "more than a parcel can have",
            "more than a receipt can be",
            "none, or more than a receipt has",
        ),
        _TOO_MANY,
    ),
    **dict.fromkeys(
        ("not a currency", "not a currency with a minor unit"),
        gettext_lazy("is no currency that we know"),
    ),
    "another account's": gettext_lazy("is another account's"),
    "another currency than the account's": gettext_lazy("is another than the account's"),
    "not a positive decimal": gettext_lazy("is no rate"),
    "not a word of the standard": gettext_lazy("is a word that the standard does not have"),
    "not printable as an identity": gettext_lazy("cannot be used as an id"),
}
_BY_ITSELF = gettext_lazy("Nothing to do: we go on by ourselves.")
_SIGN_IN = gettext_lazy("The customer signs in at the bank again, from the chat.")
_ALLOW = gettext_lazy("Nothing to do: we go on as soon as the customer allows it again.")
# By reason: why, and what to do about it.
REASONS: Mapping[str, tuple[Any, Any]] = {
    "": ("", ""),
    "first_reading": (gettext_lazy("The history is being read for the first time."), ""),
    "expiring": (
        gettext_lazy("What the customer authorised at the bank ends within a week."),
        gettext_lazy("The customer renews it at the bank, from the chat."),
    ),
    "behind": (
        gettext_lazy("The last full answer is older than it should be."),
        gettext_lazy("Nothing to do. If it stays so, tell whoever runs this portal."),
    ),
    "rate_limited": (gettext_lazy("The bank's system wants to be left alone."), _BY_ITSELF),
    "unavailable": (
        gettext_lazy("The bank's system does not answer."),
        gettext_lazy("Look whether it is up. We go on by ourselves."),
    ),
    "bad_answer": (
        gettext_lazy("The bank's system answers what we cannot read."),
        gettext_lazy("Have the bank's system checked on the page “Integration”."),
    ),
    "bad_cursor": (
        gettext_lazy("The bank's system did not know the place where we had stopped."),
        gettext_lazy("Nothing to do: we begin from the start."),
    ),
    "refused": (
        gettext_lazy("The bank's system refuses the request."),
        gettext_lazy("Have the keys and rights checked on the page “Integration”."),
    ),
    "internal": (
        gettext_lazy("We cannot cope with what the bank's system sent."),
        gettext_lazy("Tell whoever runs this portal. We try again meanwhile."),
    ),
    "expired": (gettext_lazy("What the customer authorised at the bank has run out."), _SIGN_IN),
    "revoked": (gettext_lazy("The bank takes the authorisation no more."), _SIGN_IN),
    CALLS_USED_UP: (
        gettext_lazy(
            "The bank allows so many calls a day while the customer is away. What is left of them is kept for when they ask."
        ),
        _BY_ITSELF,
    ),
    ROWS_UNREADABLE: (
        gettext_lazy("Some of the rows that the bank's system lists could not be read."),
        gettext_lazy("Have them put right, then have them read again."),
    ),
    HISTORY_HELD: (
        gettext_lazy(
            "Reading the history is held back, and this bank tells nothing newer without it."
        ),
        gettext_lazy("Resume it, or begin it again."),
    ),
    "nothing_to_read": (gettext_lazy("Nothing is read of it."), ""),
    "bank_suspended": (
        gettext_lazy("The bank is suspended."),
        gettext_lazy("Whoever runs this portal has to admit it again."),
    ),
    "bank_not_sharing": (
        gettext_lazy("The bank does not share these feeds."),
        gettext_lazy("Turn them on on the page “Feeds”."),
    ),
    "no_consent": (gettext_lazy("The customer has not allowed it."), _ALLOW),
    "consent_expired": (gettext_lazy("The customer's consent has run out."), _ALLOW),
    "consent_revoked": (gettext_lazy("The customer has revoked their consent."), _ALLOW),
    "account_not_shared": (gettext_lazy("The account is not part of the consent."), _ALLOW),
}


def standing_words(standing: Standing, *, at: datetime) -> dict[str, Any]:
    """For a badge and the lines below it. `is_next_now`: as soon as there is a free place."""
    label, tone = LABELS[standing.state]
    if standing.reason == ROWS_UNREADABLE:
        label, tone = _("Healthy, but for some rows"), "warn"
    why, action = reason_words(standing.reason)
    return {
        "state_label": label,
        "tone": tone,
        "reason": why,
        "action": action,
        "fresh_as_of": standing.fresh_as_of,
        "ran_at": standing.ran_at,
        "next_at": standing.next_at,
        "is_next_now": standing.next_at is not None and standing.next_at <= at,
    }


def reason_words(reason: str) -> tuple[Any, Any]:
    """Why, and what to do about it; a reason that has no sentence of its own is said as it is."""
    word, _space, code = reason.partition(" ")
    why, action = REASONS.get(word, (_("Reading fails: %(problem)s") % {"problem": word}, ""))
    return (f"{why} ({code})" if code else why), action


def back_fill_words(row: FeedCursor, *, today: date) -> dict[str, Any]:
    """How far the payments of an account are read: `state`, the sentences, the bar, what staff may decide."""
    state = state_of(row)
    return {
        "state": state,
        "percent": percent_of(row, today=today),
        "rows": row.history_rows,
        "first": row.reached_from,
        "last": row.reached_until,
        "wanted_from": row.history_from,
        "given_from": missing_before(row),
        "covered_from": row.covered_from,
        "covered_until": row.covered_until,
        "unreadable": row.unreadable_rows,
        "is_whole_held": bool(row.history) and row.last_problem == HISTORY_HELD,
        "decisions": [
            {"value": each.value, "label": HISTORY_LABELS[each]}
            for each in MAY_BE_DECIDED.get(state, ())
        ],
    }


def unreadable_words(row: FeedCursor, *, at: datetime) -> dict[str, Any]:
    """How many rows of a feed could not be read, since when, and why; never what they say."""
    known = Unreadable.of(row.unreadable)
    causes: dict[tuple[str, str], int] = {}
    for each in known.causes:
        what = (each.field, str(_WHY_UNREADABLE.get(each.reason, each.reason)))
        causes[what] = causes.get(what, 0) + each.n
    listed = [{"field": field, "why": why, "n": n} for (field, why), n in causes.items()]
    return {
        "id": row.id,
        "name": str(row.id),
        "kind_label": FeedKind(row.kind).label,
        "rows": row.unreadable_rows,
        "refused": refused_rows(row),
        "refused_before": row.given_from,
        "since": known.since,
        "causes": listed[:_MOST_CAUSES],
        "more_causes": max(0, len(listed) - _MOST_CAUSES),
        "can_be_read_again": may_be_read_again(row, at=at),
        "is_asleep": row.due_at is None,
    }


def failing_words(row: Failing) -> dict[str, Any]:
    why, action = reason_words(row.problem)
    return {
        "kind": row.kind,
        "kind_label": FeedKind(row.kind).label,
        "problem": row.problem,
        "reason": why,
        "action": action,
        "accounts": row.accounts,
        "fresh_as_of": row.fresh_as_of,
        "ran_at": row.ran_at,
        "next_at": row.next_at,
        "is_waiting": bool(row.waiting),
    }
