"""What becomes of a notice: pure functions."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

PLANNED, SENDING, REACHED, CANCELLED, FAILED = (
    "planned",
    "sending",
    "reached",
    "cancelled",
    "failed",
)
SETTLED = frozenset({REACHED, CANCELLED, FAILED})

# A frozen card a day later is still worth a mail; after that the bank has other ways.
GIVEN_UP_AFTER = timedelta(days=1)
AWAY, BROKEN_OFF, MAILBOX = "away", "broken_off", "mailbox"
# What is wrong with the server, and not with what it was given.
IN_TROUBLE = frozenset({AWAY, BROKEN_OFF})
# A notification that comes hours later is what the mail was for.
PUSH_GIVEN_UP_AFTER = timedelta(minutes=30)
# Lines of the chat that say that something ends, and within which time it does, the nearer first.
REMINDERS = {
    "consent_ends_week": timedelta(days=7),
    "consent_ends_month": timedelta(days=30),
}
# Who looks into the chat by then has been told.
REMINDER_AFTER = timedelta(hours=1)
_FIRST_WAIT = timedelta(seconds=4)
_LONGEST_WAIT = timedelta(minutes=10)

_LONGEST_ADDRESS = 254
# What every mail server takes (RFC 5321, section 4.1.2, without quoted local parts).
_ADDRESS = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
    r"@([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
)


class Outcome(StrEnum):
    """What a server said of a notice."""

    ACCEPTED = "accepted"
    REFUSED = "refused"  # for good
    PUT_OFF = "put_off"  # not now, or no answer: it may have arrived


@dataclass(frozen=True)
class Told:
    """The outcome of one attempt, and in a word why."""

    outcome: Outcome
    reason: str = ""


@dataclass(frozen=True)
class Next:
    """The state from now on, and when it is due again (None: never)."""

    state: str
    due_at: datetime | None
    reason: str = ""


def wait_after(attempts: int) -> timedelta:
    """How long to wait after so many attempts (1 or more): doubling from four seconds to ten minutes."""
    doublings = min(max(attempts, 1) - 1, 20)
    return min(_FIRST_WAIT * (1 << doublings), _LONGEST_WAIT)


def after(
    told: Told,
    *,
    attempts: int,
    planned_at: datetime,
    at: datetime,
    patience: timedelta = GIVEN_UP_AFTER,
) -> Next:
    """What the server's word makes of it. Never "reached" unless it took it."""
    if told.outcome == Outcome.ACCEPTED:
        return Next(REACHED, None)
    if told.outcome == Outcome.REFUSED or at - planned_at > patience:
        return Next(FAILED, None, told.reason)
    return Next(PLANNED, at + wait_after(attempts), told.reason)


def mail_address(text: str) -> str | None:
    """The address as mail servers write it, with its domain in lower-case ASCII; None where it is none."""
    local, at, domain = text.strip().rpartition("@")
    if not at or len(local) > 64:  # noqa: PLR2004  # RFC 5321, section 4.5.3.1.1
        return None
    try:
        written = f"{local}@{domain.encode('idna').decode().lower()}"
    except UnicodeError:
        return None
    if len(written) > _LONGEST_ADDRESS or not _ADDRESS.fullmatch(written):
        return None
    return written


_BROWSERS = (
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS = (
    ("Android", "Android"),
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Windows", "Windows"),
    ("Mac OS", "Mac"),
    ("CrOS", "ChromeOS"),
    ("Linux", "Linux"),
)


def browser_label(user_agent: str) -> str:
    """What a customer knows a browser by, and no more than that: "Firefox, Android"."""
    found = (
        next((name for mark, name in known if mark in user_agent), "")
        for known in (_BROWSERS, _SYSTEMS)
    )
    return ", ".join(each for each in found if each) or "?"
