"""What the page of alert types accepts: each type's parameters."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from partners.alerts.models import AlertType
from portal.rest.money import decimal_text, exponent_of

LARGEST_MINOR = 10**15


class MoneyField(forms.CharField):
    """Decimal text in, whole minor units out; never by way of a float, never rounded."""

    def __init__(self, *, currency: str, **options: Any) -> None:
        self.currency = currency
        super().__init__(max_length=24, **options)
        self.widget.attrs["inputmode"] = "decimal"

    def clean(self, value: Any) -> Any:
        text = super().clean(value).replace("\u2019", "").replace(" ", "").replace("'", "")
        whole, _mark, part = text.replace(",", ".").partition(".")
        digits = exponent_of(self.currency)
        if not (whole.isascii() and whole.isdecimal()) or (
            part and not (part.isascii() and part.isdecimal())
        ):
            raise forms.ValidationError(
                _("An amount such as 250 or 99.50, without thousands marks.")
            )
        if len(part) > digits:
            raise forms.ValidationError(
                _("%(currency)s has at most %(digits)d decimals."),
                params={"currency": self.currency, "digits": digits},
            )
        minor = int(whole + part.ljust(digits, "0"))
        if minor > LARGEST_MINOR:
            raise forms.ValidationError(_("That is too much."))
        return minor


class ThresholdForm(forms.Form):
    """One amount in the bank's own currency."""

    def __init__(
        self, data: Any, *, currency: str, label: Any, minor: int | None, auto_id: str
    ) -> None:
        shown = {} if minor is None else {"threshold_minor": decimal_text(minor, currency)}
        super().__init__(data, initial=shown, auto_id=auto_id)
        self.fields["threshold_minor"] = MoneyField(currency=currency, label=label)


LABELS = {
    AlertType.LARGE_PAYMENT: _("More than"),
    AlertType.LOW_BALANCE: _("Less than"),
}


def parameters_form(
    alert_type: str, *, currency: str, parameters: dict[str, Any], data: Any = None
) -> ThresholdForm | None:
    """The form of a type's parameters; None where it has none."""
    label = LABELS.get(AlertType(alert_type))
    if label is None:
        return None
    words = format_label(label, currency)
    return ThresholdForm(
        data,
        currency=currency,
        label=words,
        minor=parameters.get("threshold_minor"),
        auto_id=f"id_{alert_type}_%s",
    )


def format_label(label: Any, currency: str) -> str:
    return f"{label} ({currency})"
