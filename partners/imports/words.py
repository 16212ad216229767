"""Statement files in the words of their pages."""

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext_lazy as _

from partners.imports.models import StatementImport

State = StatementImport.State

TONES: Mapping[str, str] = {
    State.RECEIVED: "info",
    State.READING: "info",
    State.NEEDS_MAPPING: "warn",
    State.DONE: "good",
    State.REFUSED: "danger",
    State.FAILED: "danger",
}
FORMATS: Mapping[str, str] = {
    "ofx": "OFX",
    "camt.053": "camt.053",
    "mt940": "MT940",
    "csv": "CSV",
}
# Why nothing was kept of an account.
WHY: Mapping[str, Any] = {
    "not_linked": _("not linked here"),
    "two_accounts": _("two accounts have this number"),
    "other_currency": _("linked in another currency"),
    "no_number": _("the file names no account"),
    "no_consent": _("the customer allows no payments of it"),
    "consent_revoked": _("the customer ended what they allowed"),
    "consent_expired": _("the time the customer allowed is over"),
    "bank_not_sharing": _("you have this feed switched off"),
    "account_not_shared": _("not linked any more"),
}
COUNTS: tuple[tuple[str, Any], ...] = (
    ("added", _("New")),
    ("known", _("Known already")),
    ("changed", _("Changed")),
    ("set_aside", _("Set aside")),
    ("too_old", _("From before what the customer allows")),
    ("not_linked", _("Of accounts not linked here")),
)


def why_words(why: str) -> str:
    return str(WHY.get(why, why))


def progress_of(row: StatementImport) -> tuple[int, int]:
    """How far a file is read, of how much: first its bytes while it is checked, then its entries while it is stored."""
    if row.checked_at is None:
        return min(row.bytes_read, row.size), max(row.size, 1)
    return min(row.entries_read, row.entries), max(row.entries, 1)
