"""What a check of the log found, in the words of a page."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_lazy

from accounts.disclosure.checking import Checked, CheckedRecord

LINKS = 12
# What is broken, by verify.py's word for it; %(n)s is the record's place.
_BROKEN: Mapping[str, Any] = {
    "changed": gettext_lazy("Record %(n)s does not say any more what was sealed. It was changed."),
    "deleted": gettext_lazy("Record %(n)s was sealed, and is gone. It was deleted."),
    "missing": gettext_lazy("Record %(n)s is missing from the chain."),
    "moved": gettext_lazy("Record %(n)s is not where it was sealed."),
    "unfit": gettext_lazy("From record %(n)s on, the chain does not fit what the bank signed."),
    "unsigned": gettext_lazy("The chain does not bear the bank's signature."),
    "unsealed": gettext_lazy("A record was kept out of the chain."),
}


def check_words(checked: Checked, *, next_url: str) -> dict[str, Any]:
    """For `_check.html`: state, a sentence, the picture's links, and where the check goes on."""
    whole = checked.is_over and not checked.broken and bool(checked.total)
    return {
        "state": _state(checked, whole=whole),
        "text": _text(checked),
        "detail": checked.words,
        "done": checked.done,
        "total": checked.total,
        "signed_at": datetime.fromisoformat(checked.signed_at) if checked.signed_at else None,
        "waiting": checked.waiting,
        "links": _links(checked, whole=whole),
        "next_url": "" if checked.is_over else next_url,
    }


def record_check_words(checked: CheckedRecord) -> dict[str, Any]:
    """Of one record: state, a sentence where it is broken, its place, and what it was held against."""
    state = "broken" if checked.broken else "waiting" if checked.index is None else "whole"
    return {
        "state": state,
        "text": _broken_words(checked.broken, checked.index),
        "detail": checked.words,
        "place": None if checked.index is None else checked.index + 1,
        "size": checked.size,
        "signed_at": datetime.fromisoformat(checked.signed_at) if checked.signed_at else None,
    }


def _state(checked: Checked, *, whole: bool) -> str:
    if checked.broken:
        return "broken"
    if not checked.is_over:
        return "checking"
    return "whole" if whole else "empty"


def _text(checked: Checked) -> str:
    return _broken_words(checked.broken, checked.index)


def _broken_words(broken: str, index: int | None) -> str:
    if not broken:
        return ""
    # People count from one.
    return str(_BROKEN[broken]) % {"n": (index or 0) + 1}


def _links(checked: Checked, *, whole: bool) -> list[str]:
    """Of the chain as it is drawn: each link good, broken, or not looked at."""
    if whole:
        return ["good"] * LINKS
    total = max(1, checked.total)
    if checked.broken:
        at = min(LINKS - 1, (checked.index or 0) * LINKS // total)
        return ["good"] * at + ["broken"] + ["unknown"] * (LINKS - at - 1)
    good = checked.done * LINKS // total
    return ["good"] * good + ["unknown"] * (LINKS - good)
