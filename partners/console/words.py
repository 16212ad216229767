"""Rows as the words that the console's templates show."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from django.contrib.humanize.templatetags.humanize import intcomma, naturaltime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from accounts.consent.models import Consent, ConsentEvent
from accounts.disclosure.models import Disclosure
from accounts.disclosure.queries import STAFF
from accounts.linking.models import Link
from partners.alerts.models import AlertType
from partners.banks.models import Customer, StaffDeed
from partners.banks.rules import masked_name
from partners.connections.models import Connection
from partners.console.queries import History
from partners.feeds.models import FeedKind
from partners.instructions.models import Instruction
from partners.integrations.models import Integration
from partners.purchases.queries import Waiting
from partners.sharing.words import purpose_words
from partners.sync.history import Decision
from partners.sync.models import Notification
from partners.sync.states import Standing
from partners.sync.words import (
    back_fill_words,
    reason_words,
    standing_words,
    unreadable_words,
)

NEW_FOR = timedelta(seconds=3)
# Who did something that nobody of the bank's staff did.
_NO_STAFF = {
    "command": gettext_lazy("Whoever runs this portal"),
    "bank": gettext_lazy("By itself, once your systems had taken it"),
    "portal": gettext_lazy("By itself, when its time was over"),
}
# Of what a deed was about, these are sentences.
_LAST_OF_ABOUT = {"problem"}
FEED_WORDS: Mapping[str, Any] = dict([*FeedKind.choices, *AlertType.choices])
# What a reader may also ask for, the list of accounts itself; and what a bank may be asked to do.
CODE_WORDS: Mapping[str, Any] = {
    "accounts": gettext_lazy("Accounts"),
    # The record itself, which staff look at.
    "disclosures": gettext_lazy("What was shared"),
    **FEED_WORDS,
    **dict(Instruction.Kind.choices),
}
STATE_TONES = {
    Connection.Status.ACTIVE: "good",
    Connection.Status.EXPIRED: "warn",
    Connection.Status.REVOKED: "danger",
}
DOOR_WORDS = {
    "rest": gettext_lazy("REST"),
    "socket": gettext_lazy("Live connection"),
    "sync": gettext_lazy("Reading from the bank"),
    "window": gettext_lazy("Customer's window"),
    "webhook": gettext_lazy("Webhook"),
    "mail": gettext_lazy("Mail"),
    "push": gettext_lazy("Notification"),
    "export": gettext_lazy("Export"),
    "instruction": gettext_lazy("Instruction to the bank"),
    "console": gettext_lazy("Console"),
    "file": gettext_lazy("Statement file"),
}
# What was let through a door was shown to somebody, but for these recipients.
RELEASED_WORDS = {
    "bank": gettext_lazy("Told the bank"),
    "portal": gettext_lazy("Read at the bank"),
    "staff": gettext_lazy("Looked up"),
}
DECIDED_WORDS = {
    Decision.PAUSE: gettext_lazy("The history is not read on until you resume it."),
    Decision.RESUME: gettext_lazy("The history is read on from where it stood."),
    Decision.CANCEL: gettext_lazy("The history is not read on. What was stored is kept."),
    Decision.BEGIN_AGAIN: gettext_lazy("The history is read again from its beginning."),
}
REASON_WORDS = {
    "no_consent": gettext_lazy("The customer has not allowed it."),
    "consent_expired": gettext_lazy("The consent had run out."),
    "consent_revoked": gettext_lazy("The customer had revoked it."),
    "bank_not_sharing": gettext_lazy("The bank does not share this feed."),
    "bank_suspended": gettext_lazy("The bank was suspended."),
    "client_suspended": gettext_lazy("The program was suspended."),
    "not_registered": gettext_lazy("The program is not registered for it."),
    "account_not_shared": gettext_lazy("The account is not part of the consent."),
    "unknown_consent": gettext_lazy("It named a consent that is not its own."),
}


def health_words(integration: Integration | None) -> dict[str, Any]:
    """The integration's state in one sentence."""
    if integration is None:
        words = _("No system is connected yet")
        return {"state": Integration.Status.UNTESTED, "words": words, "checked_at": None}
    if integration.checked_at is None:
        words = _("Test the connection once")
    else:
        words = _("Tested %(ago)s") % {"ago": naturaltime(integration.checked_at)}
    return {
        "state": integration.status,
        "words": words,
        "checked_at": integration.checked_at,
    }


def notification_words(row: Notification) -> dict[str, Any]:
    return {
        "occurred_at": row.occurred_at,
        "received_at": row.received_at,
        "accounts": len(row.account_external_ids),
        "state_label": _("Signature checked, and followed up"),
        "tone": "good",
    }


def waiting_words(row: Waiting) -> dict[str, Any]:
    """What waits for its payment."""
    told = {
        "receipts": ngettext("%(n)s receipt", "%(n)s receipts", row.count),
        "shipments": ngettext("%(n)s parcel", "%(n)s parcels", row.count),
    }
    return {
        "kind": row.kind,
        "label": told[row.kind] % {"n": intcomma(row.count)},
        "accounts": row.accounts,
        "since": row.since,
    }


def customer_row(
    row: Customer, url: str, standings: Mapping[UUID, Standing], *, at: datetime
) -> dict[str, Any]:
    """A line of the list; the row carries what `customers_page` counted beside it."""
    state, tone = connection_words(getattr(row, "connection_status", None))
    standing = standings.get(getattr(row, "connection_id", None) or row.id)
    # One by which nothing is linked any more has ended, and needs nobody to sign in.
    if standing is not None and getattr(row, "linked_accounts", None):
        said = standing_words(standing, at=at)
        state, tone = said["state_label"], said["tone"]
    return {
        "name": masked_name(row.display_name),
        "reference": row.external_id,
        "linked_accounts": getattr(row, "linked_accounts", None) or 0,
        "state_label": state,
        "tone": tone,
        "last_seen_at": getattr(row, "last_seen_at", None),
        "url": url,
    }


def deed_row(row: StaffDeed, names: Mapping[str, str]) -> dict[str, Any]:
    """Something that staff had done, or that followed of it; who has left the bank is not named any more."""
    nobody = _NO_STAFF.get(row.by, _("Somebody who has left"))
    return {
        "title": row.get_what_display(),
        "text": _about(row),
        "who": names.get(row.by, nobody),
        "at": row.at,
    }


def _about(row: StaffDeed) -> str:
    """What it was about, as far as there are words for it."""
    in_order = sorted(row.about, key=lambda name: (name in _LAST_OF_ABOUT, name))
    return " · ".join(str(_detail(name, row.about[name])) for name in in_order)


def _detail(name: str, value: Any) -> Any:
    match name:
        case "kind":
            return FEED_WORDS.get(value, value)
        case "problem":
            return reason_words(value)[0]
        case "rows":
            return ngettext("%(n)d row", "%(n)d rows", value) % {"n": value}
        case "readings":
            return ngettext("%(n)d reading", "%(n)d readings", value) % {"n": value}
        case _:
            return value


def connection_words(status: str | None) -> tuple[Any, str]:
    """A connection's state and its tone; no connection is a state too."""
    if status is None:
        return _("Not linked"), ""
    known = Connection.Status(status)
    return known.label, STATE_TONES[known]


def account_row(
    row: Mapping[str, Any], history_url: str, *, today: date, at: datetime
) -> dict[str, Any]:
    account, history = row["account"], row["history"]
    return {
        "id": account.id,
        "history": history and back_fill_words(history, today=today),
        "history_url": history_url,
        "unreadable": [unreadable_words(each, at=at) for each in row["unreadable"]],
        "name": account.known_name,
        "masked_identification": account.masked_identification,
        "currency": account.currency,
        **standing_words(row["standing"], at=at),
    }


def consent_row(row: Consent, *, at: datetime) -> dict[str, Any]:
    state, tone = _consent_state(row, at)
    codes: Iterable[str] = getattr(row, "named_codes", ())
    return {
        "recipient": row.client.name if row.client else row.get_recipient_display(),
        "purpose": purpose_words(row.purpose.code, row.purpose.title),
        "feeds": ", ".join(str(CODE_WORDS.get(code, code)) for code in codes),
        "expires_at": row.expires_at,
        "state_label": state,
        "tone": tone,
    }


def _consent_state(row: Consent, at: datetime) -> tuple[Any, str]:
    if row.ended_at is not None:
        return row.get_ended_why_display() or _("Ended"), ""
    if row.expires_at <= at:
        return _("Run out"), "warn"
    return _("Allowed"), "good"


HISTORY = 12


def history_words(history: History) -> list[dict[str, Any]]:
    """One timeline of all that happened, newest first."""
    steps = [
        *(_consent_step(each) for each in history.consents),
        *(step for each in history.links for step in _link_steps(each)),
        *(_disclosure_step(each) for each in history.disclosures),
    ]
    return sorted(steps, key=lambda each: each["at"], reverse=True)[:HISTORY]


def _consent_step(row: ConsentEvent) -> dict[str, Any]:
    taken = row.kind == ConsentEvent.Kind.REVOKED
    title = row.get_kind_display()
    # Of what came to no consent, an event is all that is kept, and which program asked.
    purpose = row.consent.purpose if row.consent else None
    asked = str(row.client.name) if row.client else ""
    text = purpose_words(purpose.code, purpose.title) if purpose else asked
    return {"title": title, "text": text, "at": row.at, "tone": "warn" if taken else "good"}


def _link_steps(row: Link) -> list[dict[str, Any]]:
    name = row.account.known_name
    steps = [{"title": _("Account linked"), "text": name, "at": row.linked_at, "tone": "good"}]
    if row.ended_at is not None:
        ended = {"title": _("Account unlinked"), "text": name, "at": row.ended_at, "tone": "warn"}
        steps.append(ended)
    return steps


def _disclosure_step(row: Disclosure) -> dict[str, Any]:
    what = str(CODE_WORDS.get(row.feed, row.feed))
    if row.decision == Disclosure.Decision.REFUSED:
        reason = str(REASON_WORDS.get(row.reason, row.reason))
        text = f"{what}. {reason}" if what else reason
        return {"title": decision_words(row), "text": text, "at": row.at, "tone": "danger"}
    return {"title": decision_words(row), "text": what, "at": row.at, "tone": ""}


def decision_words(row: Disclosure) -> str:
    """What the decision came to, in one or two words."""
    if row.decision == Disclosure.Decision.REFUSED:
        return str(row.get_decision_display())
    kind = row.recipient.partition(":")[0]
    return str(RELEASED_WORDS.get(kind, row.get_decision_display()))


@dataclass(frozen=True)
class Beside:
    """What the lines of a page need beside themselves, read once for all of them."""

    names: Mapping[str, str]
    purposes: Mapping[str, str]
    times: Mapping[UUID, int]


def disclosure_row(row: Disclosure, beside: Beside, *, at: datetime) -> dict[str, Any]:
    """A line of the ledger."""
    accounts = len(row.account_ids)
    return {
        "at": row.at,
        "recipient": recipient_words(row.recipient, beside.names),
        "purpose": purpose_words(row.purpose, beside.purposes.get(row.purpose, row.purpose)),
        "door": DOOR_WORDS.get(row.door, row.door),
        "feed_label": CODE_WORDS.get(row.feed, row.feed),
        "accounts_words": ngettext("%(n)d account", "%(n)d accounts", accounts) % {"n": accounts},
        "row_count": row.row_count,
        "decision": row.decision,
        "decision_label": decision_words(row),
        "reason_label": reason_of(row, beside.times.get(row.id, 1)),
        "request_id": row.request_id,
        "is_new": at - row.at < NEW_FOR,
    }


def reason_of(row: Disclosure, times: int) -> str:
    """Why it was refused, and for how many of its kind the record stands."""
    if row.recipient.startswith(STAFF):
        return "" if times == 1 else _("%(times)d times in this minute.") % {"times": times}
    if row.decision == Disclosure.Decision.RELEASED:
        return "" if times == 1 else _("Nothing new, %(times)d times that day.") % {"times": times}
    reason = str(REASON_WORDS.get(row.reason, row.reason))
    if times == 1:
        return reason
    # A guesser's refusals of one minute are one line.
    return _("%(reason)s %(times)d times in this minute.") % {"reason": reason, "times": times}


def recipient_words(recipient: str, names: Mapping[str, str]) -> str:
    """Who asked, in words: `chat`, `client:<id>`, `staff:<id>`, `bank`, or the portal itself."""
    kind = recipient.partition(":")[0]
    kinds = {
        "chat": _("The bank's chat"),
        "client": _("A program"),
        "staff": _("Bank staff"),
        "bank": _("The bank itself"),
    }
    return names.get(recipient) or kinds.get(kind) or _("This portal")
