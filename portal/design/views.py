"""The page `/design`: the tokens and every component in all its states."""

import re
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import NamedTuple

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_safe

SHEET = Path(__file__).parent / "static/design/tokens.css"
SPRITE = Path(__file__).parents[2] / "templates/portal/icons.html"
TOKEN = re.compile(r"^\s+--([a-z0-9-]+):\s*([^;]+);", re.MULTILINE)
SYMBOL = re.compile(r'id="i-([a-z]+)"')
FAMILIES = (
    (_("Paper"), ("canvas", "sunken", "surface", "raised", "hover")),
    (_("Ink"), ("ink", "ink-soft", "ink-faint")),
    (_("Lines"), ("line", "line-strong", "focus")),
    (_("Accent"), ("accent", "accent-strong", "accent-soft", "on-accent-soft")),
    (_("Brass"), ("brass", "brass-soft", "on-brass-soft")),
    (_("Good"), ("good", "good-soft", "on-good-soft")),
    (_("Warn"), ("warn", "warn-soft", "on-warn-soft")),
    (_("Danger"), ("danger", "danger-strong", "danger-soft", "on-danger-soft")),
    (_("Info"), ("info", "info-soft", "on-info-soft")),
)
SIZES = ("text-4xl", "text-3xl", "text-2xl", "text-xl", "text-lg", "text-md", "text-sm", "text-xs")
SOME_DAY = datetime(2026, 3, 14, 14, 2, tzinfo=UTC)


class Swatch(NamedTuple):
    """One colour: `name` without dashes, its `value` as the sheet says it."""

    name: str
    value: str


class Day(NamedTuple):
    """One day of the sample plot."""

    day: date
    transactions: int
    alerts: int


class SampleForm(forms.Form):
    """Each kind of field once."""

    name = forms.CharField(
        label=_("Name of the shop"), help_text=_("As it stands on the receipt.")
    )
    amount = forms.DecimalField(label=_("Amount"), max_digits=9, decimal_places=2)
    kind = forms.ChoiceField(label=_("Kind"), choices=[("card", _("Card")), ("cash", _("Cash"))])
    words = forms.CharField(label=_("Note"), required=False, widget=forms.Textarea({"rows": 2}))
    agree = forms.BooleanField(label=_("Tell me when it is refunded"), required=False)


@cache
def tokens() -> dict[str, str]:
    """Every token of the sheet by its name, in the sheet's words; the first mention counts."""
    found: dict[str, str] = {}
    for name, value in TOKEN.findall(SHEET.read_text(encoding="utf-8")):
        found.setdefault(name, " ".join(value.split()))
    return found


@cache
def icons() -> list[str]:
    return SYMBOL.findall(SPRITE.read_text(encoding="utf-8"))


def sample_days() -> list[Day]:
    counts = (31, 28, 44, 52, 39, 17, 12, 35, 41, 47, 58, 36, 21, 26)
    return [
        Day((SOME_DAY + timedelta(days=at - 13)).date(), count, count % 4)
        for at, count in enumerate(counts)
    ]


@require_safe
def design(request: HttpRequest) -> HttpResponse:
    values = tokens()
    context = {
        "families": [(n, [Swatch(each, values[each]) for each in group]) for n, group in FAMILIES],
        "sizes": [Swatch(each, values[each]) for each in SIZES],
        "icons": icons(),
        "form": SampleForm({"amount": "0.004", "kind": "card", "words": "Two coffees"}),
        "code_form_field": SampleForm()["name"],
        "days": sample_days(),
        "some_day": SOME_DAY,
        "amounts": [(-1230, "EUR"), (312045, "GBP"), (-45, "CHF"), (-19800, "JPY"), (0, "EUR")],
        "steps": [
            {"title": _("Look up the host"), "state": "good", "aside": "4 ms"},
            {"title": _("Ask for a token"), "state": "good", "aside": "61 ms"},
            {"title": _("Read the keys"), "state": "busy"},
            {"title": _("Open and close a consent"), "state": "waiting"},
        ],
        "failed_steps": [
            {"title": _("Look up the host"), "state": "good", "aside": "3 ms"},
            {
                "title": _("Ask for a token"),
                "text": _("The bank refused our secret."),
                "state": "danger",
            },
        ],
        "history": [
            {
                "title": _("Refused"),
                "text": _("The consent had ended."),
                "at": SOME_DAY,
                "tone": "danger",
            },
            {"title": _("Three payments read"), "at": SOME_DAY, "tone": "good"},
            {"title": _("Linked"), "at": SOME_DAY, "tone": ""},
        ],
        "tabs": [
            {"label": _("All"), "url": "#tabs", "current": True},
            {"label": _("Shown"), "url": "#tabs", "current": False},
            {"label": _("Refused"), "url": "#tabs", "current": False},
        ],
        "crumbs": [{"label": _("Customers"), "url": "#crumbs"}, {"label": "AUR-1042", "url": ""}],
        "page": {"older_url": "#table", "newer_url": "#table", "words": "25"},
    }
    return render(request, "portal/design/design.html", context)
