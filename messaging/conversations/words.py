"""What cards and lines say, in the reader's language. Never more than the bank has said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from django.utils import formats, timezone
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, gettext_noop

from messaging.conversations.rules import CardState

# By alert type; a type without words of its own is still said to be an alert.
ALERT_TITLES: Mapping[str, Promise] = {
    "fraud_suspected": gettext_lazy("Unusual card payment"),
    "large_payment": gettext_lazy("Large payment"),
    "low_balance": gettext_lazy("Low balance"),
    "foreign": gettext_lazy("Payment abroad or in a foreign currency"),
    "refund": gettext_lazy("Refund"),
    "salary": gettext_lazy("Salary"),
}
LINES: Mapping[str, Promise] = {
    "bank_will_answer": gettext_lazy("Your bank will answer here."),
    "accounts_linked": gettext_lazy("Your accounts are linked."),
    "shares_nothing": gettext_lazy(
        "Your bank shares no balances and no payments with this chat. You can still write to it."
    ),
    "address_changed": gettext_lazy("Alerts are mailed to another address from now on."),
    "link_first": gettext_lazy("Link your accounts to see balances and transactions here."),
}
# The bank's reasons, as the partner API names them.
REASONS: Mapping[str, str] = {
    "card_not_found": gettext_noop("it does not find this card"),
    "already_closed": gettext_noop("the card is closed already"),
    "not_allowed": gettext_noop("it does not allow this for the card"),
}
NOT_SHARED = gettext_lazy("This is no longer shared with the chat.")


@dataclass(frozen=True)
class Outcome:
    """What is known of an alert's card: its state, since when, and the bank's reason where it refused."""

    state: CardState
    at: datetime | None
    reason: str = ""


def state_text(outcome: Outcome, *, zone: ZoneInfo, phone: str, now: datetime) -> str:
    """One sentence on where things stand, with times as the bank's own clock shows them."""
    match outcome.state:
        case CardState.OPEN:
            return gettext("Was this you?")
        case CardState.ASKING:
            return gettext("Asking your bank")
        case CardState.FROZEN:
            return _frozen(outcome.at, zone, now)
        case CardState.FAILED:
            return _refused(outcome.reason, phone)
        case CardState.UNKNOWN:
            return gettext("We could not reach your bank: %(call)s") % {"call": _call(phone)}
        case CardState.DISMISSED:
            return gettext("You said it was you")


def cannot_ask(phone: str) -> str:
    """In place of the buttons that a card which may show nothing does not have."""
    return gettext("The chat can no longer ask your bank to freeze the card: %(call)s") % {
        "call": _call(phone)
    }


def _frozen(at: datetime | None, zone: ZoneInfo, now: datetime) -> str:
    if at is None:
        return gettext("Frozen")
    there = timezone.localtime(at, zone)
    said = {"time": there.strftime("%H:%M"), "day": formats.date_format(there, "j F")}
    if there.date() == timezone.localtime(now, zone).date():
        return gettext("Frozen at %(time)s") % said
    return gettext("Frozen on %(day)s at %(time)s") % said


def _refused(reason: str, phone: str) -> str:
    known = REASONS.get(reason)
    why = gettext(known) if known else _call(phone)
    return gettext("Your bank refused: %(why)s") % {"why": why}


def _call(phone: str) -> str:
    if phone:
        return gettext("call %(phone)s") % {"phone": phone}
    return gettext("call the number on your card")


def alert_title(alert_type: str) -> str:
    return str(ALERT_TITLES.get(alert_type) or gettext("Alert"))


def line(template: str) -> str:
    """A line of ours; an unknown template says nothing rather than its own name."""
    return str(LINES.get(template, ""))
