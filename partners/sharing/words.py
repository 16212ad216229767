"""What customers and staff are told of releases and refusals."""

from collections.abc import Mapping
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext, ngettext, ngettext_lazy
from django.utils.translation import gettext_lazy as _

REASONS: Mapping[str, Promise] = {
    "bank_suspended": _("The bank is suspended here"),
    "bank_not_sharing": _("The bank has this switched off"),
    "client_suspended": _("The program is suspended here"),
    "not_registered": _("The program never registered for this"),
    "no_consent": _("You have not allowed this"),
    "consent_revoked": _("You had ended it"),
    "consent_expired": _("The time you allowed was over"),
    "account_not_shared": _("You have not shared that account"),
    "unknown_consent": _("It named a consent that is not its own"),
}
_COUNTED: Mapping[str, Any] = {
    "accounts": ngettext_lazy("%(n)d account", "%(n)d accounts", "n"),
    "balances": ngettext_lazy("%(n)d balance", "%(n)d balances", "n"),
    "transactions": ngettext_lazy("%(n)d payment", "%(n)d payments", "n"),
    "receipts": ngettext_lazy("%(n)d receipt", "%(n)d receipts", "n"),
    "shipments": ngettext_lazy("%(n)d shipping update", "%(n)d shipping updates", "n"),
}
PURPOSES: Mapping[str, Promise] = {
    "see_in_chat": _("Show my accounts and alerts in the bank's chat"),
    "budgeting": _("Help me plan my money"),
    "balance_watch": _("Tell me how much I have"),
    # No customer allows it: the bank answers for what it shares.
    "compliance_search": _("Answer for what was shared"),
    "entry_review": _("Decide what is one payment"),
}
ENDED: Mapping[str, Promise] = {
    "revoked": _("Ended by you"),
    "superseded": _("Replaced by a newer one"),
    "expired": _("Its time was over"),
}


def reason_words(reason: str, times: int = 1) -> str:
    """Why something was refused, and how often within its minute."""
    told = str(REASONS.get(reason, reason))
    often = times_words(times)
    return f"{told} ({often})" if often else told


def times_words(times: int) -> str:
    """How often; once goes without saying."""
    return ngettext("%(n)d time", "%(n)d times", times) % {"n": times} if times > 1 else ""


def rows_words(feed: str, n: int) -> str:
    """How much of a feed; empty for what is no feed."""
    counted = _COUNTED.get(feed)
    return "" if counted is None else str(counted % {"n": n})


def found_words(found: Mapping[str, int]) -> str:
    """What a reading at the bank brought, by feed; empty where it brought nothing."""
    return ", ".join(rows_words(feed, n) for feed, n in found.items() if n)


def purpose_words(code: str, title: str) -> str:
    """A purpose in the reader's language; one that is newer than these words has its own title."""
    return str(PURPOSES.get(code, title))


def chat_name(bank_name: str) -> str:
    return gettext("The chat of %(bank)s") % {"bank": bank_name}
