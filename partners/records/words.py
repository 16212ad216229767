"""What customers are told of tables."""

from collections.abc import Mapping, Sequence

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from partners.records.rules import Table, name_of

_PARTS: Mapping[str, Promise] = {
    "account": _("Accounts"),
    "account_name": _("Names and last digits of accounts"),
    "address_proof": _("Codes by mail"),
    "alert": _("Alerts"),
    "authorisation": _("Ways to the bank"),
    "balance": _("Balances"),
    "connection": _("Authorisations at the bank"),
    "consent": _("What you allowed"),
    "consent_event": _("When you allowed and ended it"),
    "consent_resource": _("Which feeds of which accounts"),
    "conversation": _("Conversations"),
    "customer": _("You, as the bank calls you"),
    "disclosure": _("Readings and refusals"),
    "disclosure_count": _("How often they happened"),
    "entry": _("Payments"),
    "instruction": _("What you asked of the bank"),
    "link": _("Accounts you linked"),
    "mail_address": _("Mail addresses"),
    "message": _("Messages"),
    "notice": _("Notices by mail and push"),
    "push_subscription": _("Browsers that are notified"),
    "read_mark": _("How far you have read"),
    "receipt": _("Receipts"),
    "receipt_line": _("Lines of receipts"),
    "shipment": _("Parcels"),
    "shipment_stop": _("Stops of parcels"),
    "way_choice": _("How you want to be told"),
    "webhook_delivery": _("What programs were sent"),
    "widget_session": _("Times you came to the chat"),
}
_KEPT: Mapping[str, Promise] = {
    "disclosure": _(
        "Who read something and when: it is the proof that nothing was read in secret. It names you by a"
        " random number, and what led from that number to you is erased."
    ),
    "erasure_job": _("That there was an erasure, when, and how many rows went. It names nobody."),
    "outbox_event": _("For at most 30 days, internal numbers that lead nowhere any more."),
}


def part_words(part: str) -> str:
    """A part of the copy in the reader's language; what only we know by name is one of the rest."""
    return str(_PARTS.get(part, _("Inner workings")))


def kept_words(tables: Sequence[Table]) -> list[str]:
    """What an erasure leaves, and why; what holds nothing of a customer's is not worth a word."""
    named = (name_of(each.label) for each in tables if each.kept)
    return [str(_KEPT[each]) for each in named if each in _KEPT]
