"""What is answered for, in the words that the templates show."""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from math import ceil
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from accounts.consent.queries import LiveCount
from partners.compliance.queries import ALL_STAFF, Readings, Recipients
from partners.compliance.rules import BAR, DAYS_PLOTTED, PLOT_HEIGHT
from partners.console.words import CODE_WORDS, recipient_words
from partners.sharing.words import purpose_words

# Beside those whom customers allow something: who reads for them, or is told what they ask.
_OTHERS: Mapping[str, Any] = {
    "portal": gettext_lazy(
        "Reads at your bank what customers allow to the recipients above, and shows it to nobody else."
    ),
    "bank": gettext_lazy("Is told what its customers ask of it: to freeze a card, and the like."),
    ALL_STAFF: gettext_lazy("Looked at this record in the console. No data of a customer's is in it."),
}
_ICONS = {"chat": "chat", "portal": "refresh", "bank": "bank", ALL_STAFF: "staff"}
_EMPTY = Readings()


def recipient_rows(found: Recipients) -> list[dict[str, Any]]:
    """Those whom customers allow something first: the chat, then programs by their names; then the others."""
    allowed = {"chat", *found.live, *(each for each in found.readings if each not in _OTHERS)}
    rows = [_recipient(each, found) for each in allowed]
    others = [_recipient(each, found) for each in _OTHERS if each in found.readings]
    return [*sorted(rows, key=lambda it: (it["kind"] != "chat", it["name"].casefold())), *others]


def _recipient(recipient: str, found: Recipients) -> dict[str, Any]:
    read = found.readings.get(recipient, _EMPTY)
    live = found.live.get(recipient, ())
    client = found.clients.get(recipient)
    feeds = _feeds(live, found, None if client is None else client.feeds)
    return {
        "key": recipient,
        "kind": recipient.partition(":")[0],
        "icon": _ICONS.get(recipient, ""),
        "name": recipient_name(recipient, {} if client is None else {recipient: client.name}),
        "website": client.website if client else "",
        "suspended": client is not None and client.status == client.Status.SUSPENDED,
        "about": _OTHERS.get(recipient, ""),
        "consents": sum(each.consents for each in live),
        "first_end": min((each.first_end for each in live), default=None),
        "purposes": _purposes(live, found),
        "feeds": [{"code": each, "label": CODE_WORDS[each]} for each in feeds],
        "off": [CODE_WORDS[each] for each in feeds if each not in found.feeds_on],
        "last_at": read.last_at,
        "times": read.times,
        "refused": read.refused,
        "lately": [
            {"label": CODE_WORDS.get(code, code), "times": times}
            for code, times in sorted(read.by_feed.items(), key=lambda it: (-it[1], it[0]))
        ],
        "plot": plot(read.by_day, found.since),
    }


def recipient_name(recipient: str, names: Mapping[str, str]) -> str:
    return str(_("Bank staff")) if recipient == ALL_STAFF else recipient_words(recipient, names)


def _feeds(
    live: Iterable[LiveCount], found: Recipients, registered: Iterable[str] | None
) -> list[str]:
    """What their purposes need, and they registered for: no consent of theirs names more."""
    needed = {code for each in live for code in found.purposes[each.purpose_id].feeds}
    return sorted(needed if registered is None else needed & set(registered))


def _purposes(live: Iterable[LiveCount], found: Recipients) -> list[dict[str, Any]]:
    counted: dict[str, int] = {}
    for each in live:
        purpose = found.purposes[each.purpose_id]
        title = purpose_words(purpose.code, purpose.title)
        counted[title] = counted.get(title, 0) + each.consents
    return [{"title": title, "consents": n} for title, n in sorted(counted.items())]


def plot(times: Mapping[date, int], since: date) -> list[dict[str, Any]]:
    """A bar a day, oldest first, each as high as its share of the highest; none where nothing was read."""
    most = max(times.values(), default=0)
    if not most:
        return []
    days = [since + timedelta(days=step) for step in range(DAYS_PLOTTED)]
    heights = [ceil(times.get(day, 0) * PLOT_HEIGHT / most) for day in days]
    return [
        {
            "x": place * BAR,
            "day": day,
            "times": times.get(day, 0),
            "height": height,
            "y": PLOT_HEIGHT - height,
        }
        for place, (day, height) in enumerate(zip(days, heights, strict=True))
    ]
