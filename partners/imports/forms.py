"""What the pages of statement files accept."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from partners.imports.rules import what_is_wrong
from partners.statements.csv_mapping import Mapping

_NONE = -1
_WRONG = {
    "no_day": _("Say which column holds the day."),
    "no_amount": _("Say which column holds the amount, or which two hold money out and money in."),
    "no_original_currency": _("Say which column holds the currency that it was paid in."),
    "no_such_currency": _("Not a currency's code."),
}
_DAYS = (
    ("ymd", _("year, month, day")),
    ("dmy", _("day, month, year")),
    ("mdy", _("month, day, year")),
)
_SIGNS = ((",", _("comma (1.234,56)")), (".", _("point (1,234.56)")))
COLUMNS = (
    ("booked_on", _("Day")),
    ("amount", _("Amount, with its sign")),
    ("out", _("Or: money out")),
    ("in_", _("and money in")),
    ("direction", _("Which way it went")),
    ("value_on", _("Value date")),
    ("currency", _("Currency")),
    ("counterparty", _("With whom")),
    ("description", _("Text")),
    ("reference", _("Reference")),
    ("original_amount", _("Amount in the currency it was paid in")),
    ("original_currency", _("Currency it was paid in")),
    ("exchange_rate", _("Rate of exchange")),
)


_DAY = "booked_on"
# A table has the first, or the other two: none of them is optional, and none is required.
_AMOUNTS = {"amount", "out", "in_"}


class ColumnField(forms.TypedChoiceField):
    """Which column, or none; but no table is read without the day's."""

    def __init__(self, name: str, *, label: Any, columns: Sequence[str]) -> None:
        is_day = name == _DAY
        super().__init__(
            label=label,
            choices=[("" if is_day else _NONE, "—"), *enumerate(columns)],
            coerce=int,
            required=is_day,
            error_messages={"required": _WRONG["no_day"]},
        )
        self.one_is_enough = name in _AMOUNTS
        self.can_be_none = True


class MappingForm(forms.Form):
    """Which column is what, beginning with what was guessed."""

    name = forms.CharField(
        label=_("Name of this kind of table"),
        help_text=_("Files with the same header are read so without asking."),
        max_length=80,
    )
    day_order = forms.ChoiceField(label=_("Days are written"), choices=_DAYS)
    decimal_sign = forms.ChoiceField(label=_("Decimal sign"), choices=_SIGNS)
    default_currency = forms.CharField(
        label=_("Currency, where no column has it"), max_length=3, required=False
    )

    def __init__(
        self, *arguments: Any, guessed: Mapping, labels: Sequence[str], mask: str, **rest: Any
    ) -> None:
        self.guessed = guessed
        initial = {
            "day_order": guessed.day_order,
            "decimal_sign": guessed.decimal_sign,
            "default_currency": guessed.default_currency,
            "description": next(iter(guessed.descriptions), _NONE),
        } | {name: getattr(guessed, name) for name, _label in COLUMNS if hasattr(guessed, name)}
        super().__init__(*arguments, **rest)
        self.initial = initial
        for name, label in COLUMNS:
            self.fields[name] = ColumnField(name, label=label, columns=labels)
        self.fields["account"] = forms.CharField(
            label=_("Number of the account"),
            help_text=_("IBAN, or sort code and number. It is compared, and not kept."),
            max_length=64,
            required=not mask,
            widget=forms.TextInput(attrs={"autocomplete": "off"}),
        )

    def clean_default_currency(self) -> str:
        return str(self.cleaned_data["default_currency"]).strip().upper()

    def clean(self) -> dict[str, Any]:
        told = super().clean() or {}
        if not self.errors:
            wrong = what_is_wrong(self.mapping())
            if wrong:
                raise forms.ValidationError(_WRONG.get(wrong, wrong))
        return told

    def mapping(self) -> Mapping:
        """As it was said; only the text is guessed to be of several columns, and then it stays so."""
        said = self.cleaned_data
        places = {name: _NONE if said[name] == "" else said[name] for name, _label in COLUMNS}
        described = places["description"]
        kept = {name: place for name, place in places.items() if name != "description"}
        same = described == next(iter(self.guessed.descriptions), _NONE)
        texts = self.guessed.descriptions if same else (described,) if described >= 0 else ()
        is_signed = kept["amount"] >= 0
        columns: dict[str, Any] = kept | ({"out": _NONE, "in_": _NONE} if is_signed else {})
        return replace(
            self.guessed,
            **columns,
            descriptions=texts,
            day_order=said["day_order"],
            decimal_sign=said["decimal_sign"],
            default_currency=said["default_currency"],
        )
