"""Template tags of the looks: icons, money, initials, a small plot. `{% load design %}`."""

from collections.abc import Sequence
from datetime import date
from typing import NamedTuple, Protocol, TypedDict

from django import template
from django.utils.formats import get_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language

from portal.design.rules import bar_heights, browser_words, initials_of, money_words

register = template.Library()

PLOT_WIDTH, TALL, SHORT, GAP = 600, 84, 22, 14
TURNING_ICONS = frozenset({"next", "back", "arrow", "leave", "outside"})


class DayCount(Protocol):
    """What one day of the plot counts."""

    day: date
    transactions: int
    alerts: int


class Bar(NamedTuple):
    """One bar of the plot, in the units of its view box."""

    x: float
    y: int
    width: float
    height: int
    day: date
    counted: int


class Plot(TypedDict):
    """What portal/components/sparkline.html draws."""

    transactions: list[Bar]
    alerts: list[Bar]
    total_transactions: int
    total_alerts: int
    days: int
    first: date | None
    last: date | None


@register.simple_tag
def icon(name: str) -> SafeString:
    """An icon of the sprite in portal/icons.html, hidden from screen readers."""
    turns = " icon--turns" if name in TURNING_ICONS else ""
    return format_html(
        '<svg class="icon{}" width="18" height="18" aria-hidden="true" focusable="false">'
        '<use href="#i-{}"></use></svg>',
        turns,
        name,
    )


@register.simple_tag
def money(amount_minor: int, currency: str, style: str = "") -> SafeString:
    """An amount in the reader's language; `style` is "", "signed" (plus and green when it came in) or "large"."""
    words = money_words(
        amount_minor,
        currency,
        decimal_mark=str(get_format("DECIMAL_SEPARATOR")),
        thousands_mark=str(get_format("THOUSAND_SEPARATOR")),
        symbol_first=(get_language() or "en").startswith("en"),
        with_plus=style == "signed",
    )
    extra = {"large": " money--large", "signed": " money--in" if amount_minor > 0 else ""}
    return format_html('<span class="money{}">{}</span>', extra.get(style, ""), words)


@register.filter
def spoken(words: str) -> SafeString:
    """A sentence of ours with its `names` set as code."""
    parts = words.split("`")
    marked = [
        format_html("<code>{}</code>", each) if place % 2 else each
        for place, each in enumerate(parts)
    ]
    return format_html_join("", "{}", ((each,) for each in marked))


@register.filter
def browser(user_agent: str) -> str:
    """The browser and the system that a User-Agent header names."""
    return browser_words(user_agent)


@register.filter
def dots(masked: str) -> SafeString:
    """`•••• 5109` for `**** 5109`, on one line."""
    return format_html('<span class="digits">{}</span>', masked.replace("*", "\u2022"))


@register.filter
def initials(name: str) -> str:
    """Up to two initials for an avatar."""
    return initials_of(str(name))


def bars(days: Sequence[DayCount], counts: Sequence[int], *, floor: int, tall: int) -> list[Bar]:
    step = PLOT_WIDTH / max(len(days), 1)
    return [
        Bar(round(at * step + step * 0.14, 2), floor - high, round(step * 0.72, 2), high, d.day, n)
        for at, (d, n, high) in enumerate(
            zip(days, counts, bar_heights(counts, tall=tall), strict=True)
        )
    ]


@register.inclusion_tag("portal/components/sparkline.html")
def sparkline(days: Sequence[DayCount]) -> Plot:
    """Transactions a day above, alerts a day below, drawn without a script."""
    read, raised = [d.transactions for d in days], [d.alerts for d in days]
    return {
        "transactions": bars(days, read, floor=TALL, tall=TALL),
        "alerts": bars(days, raised, floor=TALL + GAP + SHORT, tall=SHORT),
        "total_transactions": sum(read),
        "total_alerts": sum(raised),
        "days": len(days),
        "first": days[0].day if days else None,
        "last": days[-1].day if days else None,
    }
