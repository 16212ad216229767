"""What cards and lines say, in the reader's language. Never more than the bank has said."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
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
    "consent_ends_month": gettext_lazy(
        "Something that you share ends within a month. “Who sees what” says what, and lets it go on."
    ),
    "consent_ends_week": gettext_lazy(
        "Something that you share ends within a week. “Who sees what” says what, and lets it go on."
    ),
    "no_receipt": gettext_lazy("There is no receipt of your payments yet."),
    "no_parcel": gettext_lazy("No parcel that you paid for is known here."),
    "link_first": gettext_lazy("Link your accounts to see balances and transactions here."),
}
# By a shipment's status.
PARCELS: Mapping[str, Promise] = {
    "ordered": gettext_lazy("Ordered"),
    "packed": gettext_lazy("Packed"),
    "in_transit": gettext_lazy("On its way"),
    "out_for_delivery": gettext_lazy("Out for delivery"),
    "delivered": gettext_lazy("Delivered"),
    "returned": gettext_lazy("Going back to the shop"),
    "delayed": gettext_lazy("Delayed"),
}
# The bank's reasons, as the partner API names them.
REASONS: Mapping[str, str] = {
    "card_not_found": gettext_noop("it does not find this card"),
    "already_closed": gettext_noop("the card is closed already"),
    "not_allowed": gettext_noop("it does not allow this for the card"),
}
# Why the bank was never asked, where it was not the bank that would not.
NEVER_ASKED: Mapping[str, str] = {
    "not_connected": gettext_noop(
        "Your bank could not be asked, because the account is not connected any more: %(call)s"
    ),
    "suspended": gettext_noop("The chat could not ask your bank: %(call)s"),
}
# Why nobody here knows what the bank did; any other reason is silence.
NOT_KNOWN: Mapping[str, str] = {
    "not_connected": gettext_noop(
        "The chat can no longer ask your bank whether the card is frozen: %(call)s"
    ),
    "suspended": gettext_noop("The chat cannot ask your bank at the moment: %(call)s"),
    "unsettled": gettext_noop("Your bank has not said yet whether the card is frozen: %(call)s"),
}
_SILENCE = gettext_noop("We could not reach your bank: %(call)s")
NOT_SHARED = gettext_lazy("This is no longer shared with the chat.")


@dataclass(frozen=True)
class Outcome:
    """What is known of an alert's card: its state, since when, and why where it failed or is unknown."""

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
            return _failed(outcome.reason, phone)
        case CardState.UNKNOWN:
            return gettext(NOT_KNOWN.get(outcome.reason, _SILENCE)) % {"call": _call(phone)}
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


def _failed(reason: str, phone: str) -> str:
    if reason in NEVER_ASKED:
        return gettext(NEVER_ASKED[reason]) % {"call": _call(phone)}
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


def as_of_text(at: datetime | None, *, zone: ZoneInfo, now: datetime) -> str:
    """When the bank's word on a balance was so, by its own clock; empty where it never gave one."""
    if at is None:
        return ""
    there = timezone.localtime(at, zone)
    said = {"time": there.strftime("%H:%M"), "day": formats.date_format(there, "j F")}
    days = (timezone.localtime(now, zone).date() - there.date()).days
    if days == 0:
        return gettext("As of today at %(time)s") % said
    if days == 1:
        return gettext("As of yesterday at %(time)s") % said
    return gettext("As of %(day)s at %(time)s") % said


def parcel_text(status: str) -> str:
    """Where a parcel is, in a word or two."""
    return str(PARCELS.get(status) or gettext("On its way"))


def expected_text(expected_on: date, *, zone: ZoneInfo, now: datetime) -> str:
    """The day for which a parcel is expected, seen from today by the bank's own calendar."""
    ahead = (expected_on - timezone.localtime(now, zone).date()).days
    if ahead == 0:
        return gettext("Expected today")
    if ahead == 1:
        return gettext("Expected tomorrow")
    said = {"day": formats.date_format(expected_on, "l j F")}
    if ahead < 0:
        return gettext("Was expected on %(day)s") % said
    return gettext("Expected on %(day)s") % said


def came_text(at: datetime, *, zone: ZoneInfo) -> str:
    """When a parcel came to the end of its way, by the bank's own clock."""
    there = timezone.localtime(at, zone)
    said = {"time": there.strftime("%H:%M"), "day": formats.date_format(there, "j F")}
    return gettext("On %(day)s at %(time)s") % said


def credit_line_text(account: Mapping[str, Any]) -> str:
    """What of an account's balance is the bank's to lend, as the bank says it; empty where it says nothing."""
    line = account["credit_line"]
    amount = amount_text(line, account["credit_line_band"])
    if account["credit_line_included"] is None or (line and not line["amount"].strip("0.")):
        return ""
    if not amount:
        is_counted = account["credit_line_included"]
        return (
            gettext("Counts the credit line") if is_counted else gettext("Without the credit line")
        )
    if account["credit_line_included"]:
        return gettext("Counts a credit line of %(amount)s") % {"amount": amount}
    return gettext("Without the credit line of %(amount)s") % {"amount": amount}


def amount_text(amount: Mapping[str, str] | None, band: Mapping[str, str | None] | None) -> str:
    """An amount as it is written plainly, or the band that it lies in; empty where neither is shown."""
    if amount is not None:
        return f"{amount['amount']} {amount['currency']}"
    if band is None:
        return ""
    said = {"above": band["above"], "up_to": band["up_to"], "currency": band["currency"]}
    if band["up_to"] is None:
        return gettext("over %(above)s %(currency)s") % said
    return gettext("%(above)s to %(up_to)s %(currency)s") % said
