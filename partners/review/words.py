"""Entries side by side, as the page shows them: a line for each field, marked where the two differ."""

from collections.abc import Mapping
from datetime import date
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from partners.ledger.models import Entry, EntryConflict, EntryPair

SOURCES: Mapping[str, str] = {
    "uk_open_banking": "UK Open Banking",
    "uk_open_banking_3_1": "UK Open Banking 3.1",
    "berlin_group": "Berlin Group",
    "cursor_sync": "Cursor sync",
    "ofx": "OFX",
    "camt.053": "camt.053",
    "mt940": "MT940",
    "csv": "CSV",
}
_CONFLICTS = {
    "amount_changed": gettext_lazy("The bank names another amount under the same id"),
    "sign_changed": gettext_lazy("The bank names the other sign under the same id"),
    "currency_changed": gettext_lazy("The bank names another currency under the same id"),
    "listed_twice": gettext_lazy("The bank lists the same id twice, with different amounts"),
}
_LABELS: Mapping[str, Any] = {
    "amount": gettext_lazy("Amount"),
    "booked_on": gettext_lazy("Booked on"),
    "value_on": gettext_lazy("Value date"),
    "status": gettext_lazy("State"),
    "merchant_name": gettext_lazy("Name"),
    "description": gettext_lazy("Text"),
    "bank_references": gettext_lazy("References"),
    "source": gettext_lazy("Told by"),
}


def source_words(source: str) -> str:
    """Such as "Interface: Berlin Group"."""
    kind, _colon, name = source.partition(":")
    named = {"name": SOURCES.get(name, name)}
    if kind == "live":
        return _("Interface: %(name)s") % named
    return _("Statement: %(name)s") % named if kind == "statement" else "—"


def pair_words(pair: EntryPair, names: Mapping[str, str]) -> dict[str, Any]:
    """A pair, both entries and what was decided."""
    one, other = (_of_entry(each) for each in (pair.first, pair.second))
    return _side_by_side(one, other) | {
        "kind": "pair",
        "id": pair.id,
        "account": pair.account.known_name,
        "digits": pair.account.masked_identification,
        "reason": pair.get_reason_display(),
        "at": pair.found_at,
        **_decision(pair, names),
    }


def conflict_words(conflict: EntryConflict, names: Mapping[str, str]) -> dict[str, Any]:
    """A contradiction, both versions and what was decided."""
    ours = _of_said(conflict.stored) if conflict.stored else _of_entry(conflict.entry)
    said = conflict.said or {
        "amount_minor": conflict.amount_minor,
        "currency": conflict.currency,
        "source": conflict.source,
    }
    theirs = _of_said({**said, "source": conflict.source})
    ours["source"] = (
        ours["source"] if ours["source"] != "—" else source_words(conflict.entry.source)
    )
    return _side_by_side(ours, theirs) | {
        "kind": "conflict",
        "id": conflict.id,
        "account": conflict.account.known_name,
        "digits": conflict.account.masked_identification,
        "reason": _CONFLICTS.get(conflict.reason, conflict.reason),
        "at": conflict.seen_at,
        "can_be_taken": bool(conflict.said) and conflict.currency == conflict.account.currency,
        **_decision(conflict, names),
    }


def _decision(row: EntryPair | EntryConflict, names: Mapping[str, str]) -> dict[str, Any]:
    return {
        "is_open": row.state == "open",
        "state_label": row.get_state_display(),
        "decided_at": row.decided_at,
        "decided_by": names.get(row.decided_by) or _("somebody who has left"),
    }


def _side_by_side(one: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "lines": [
            {
                "name": name,
                "label": label,
                "one": one[name],
                "other": other[name],
                "differs": one[name] != other[name],
            }
            for name, label in _LABELS.items()
            if one[name] or other[name]
        ]
    }


def _of_entry(entry: Entry) -> dict[str, Any]:
    return {
        "amount": (entry.amount_minor, entry.currency),
        "booked_on": entry.booked_on,
        "value_on": entry.value_on,
        "status": _state_of(entry),
        "merchant_name": entry.merchant_name,
        "description": entry.description,
        "bank_references": ", ".join(entry.bank_references.split("\n")),
        "source": source_words(entry.source),
    }


def _state_of(entry: Entry) -> str:
    """Such as "Removed: The bank lists it no more"."""
    state = entry.get_status_display()
    why = entry.get_removed_for_display() if entry.status == Entry.Status.REMOVED else ""
    return f"{state}: {why}" if why else state


def _of_said(said: Mapping[str, Any]) -> dict[str, Any]:
    labels: Mapping[str, Any] = dict(Entry.Status.choices)
    return {
        "amount": (said.get("amount_minor", 0), said.get("currency", "")),
        "booked_on": _day(said.get("booked_on")),
        "value_on": _day(said.get("value_on")),
        "status": labels.get(said.get("status", ""), ""),
        "merchant_name": said.get("merchant_name", ""),
        "description": said.get("description", ""),
        "bank_references": ", ".join(said.get("bank_references", "").split("\n")),
        "source": source_words(said.get("source", "")),
    }


def _day(written: str | None) -> date | None:
    return date.fromisoformat(written) if written else None
