"""What the page of choices accepts: accounts, feeds and alerts that the bank shares, and an end."""

from collections.abc import Collection, Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from partners.alerts.models import AlertType
from partners.connections.rules import DAYS, HISTORIES


class ChoiceForm(forms.Form):
    """What may be read, of which accounts of a customer's, and until when."""

    accounts = forms.MultipleChoiceField(
        error_messages={
            "required": _("Choose at least one account."),
            "invalid_choice": _("One of these accounts cannot be chosen any more."),
        }
    )
    feeds = forms.MultipleChoiceField(
        required=False,
        error_messages={"invalid_choice": _("The bank does not share one of these.")},
    )
    alert_types = forms.MultipleChoiceField(
        required=False,
        error_messages={"invalid_choice": _("The bank does not send one of these alerts.")},
    )
    ends = forms.TypedChoiceField(
        coerce=int,
        error_messages={
            "required": _("Choose until when."),
            "invalid_choice": _("Choose until when."),
        },
    )

    def __init__(
        self,
        data: Any = None,
        *,
        accounts: Collection[str],
        feeds: Collection[str],
        alert_types: Collection[str],
        ends: Collection[int] = DAYS,
    ) -> None:
        super().__init__(data)
        self.offer("accounts", accounts)
        self.offer("feeds", feeds)
        self.offer("alert_types", alert_types)
        self.offer("ends", ends)

    def offer(self, name: str, codes: Collection[Any]) -> None:
        """What may be chosen of a field."""
        self.fields[name].choices = [(each, each) for each in codes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned["feeds"] and not cleaned["alert_types"]:
            raise forms.ValidationError(_("Choose at least one thing to read."))
        return cleaned

    def sentences(self) -> list[str]:
        """What is wrong, each once."""
        return list(dict.fromkeys(str(each) for errors in self.errors.values() for each in errors))


class LinkForm(ChoiceForm):
    """What the bank allows, by the place of each account in its list; `choice()` is what `finish_linking` takes."""

    months = forms.TypedChoiceField(
        coerce=int,
        required=False,
        choices=[(each, each) for each in HISTORIES],
        error_messages={"invalid_choice": _("Choose how far back.")},
    )

    def picked(self) -> list[int]:
        return [int(each) for each in self.cleaned_data["accounts"]]

    def choice(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        return {
            "feeds": chosen["feeds"],
            "alert_types": chosen["alert_types"],
            "days": chosen["ends"],
            "months": chosen["months"] or min(HISTORIES),
        }


def alert_choices(
    alerts: Mapping[str, Mapping[str, Any]], *, picked: Collection[str]
) -> list[dict[str, Any]]:
    """What `_alert_choices.html` shows: each alert that is sent, from which amount on, and whether it is ticked."""
    return [
        {
            "code": code,
            "label": AlertType(code).label,
            "threshold_minor": parameters.get("threshold_minor"),
            "currency": parameters.get("currency"),
            "checked": code in picked,
        }
        for code, parameters in alerts.items()
    ]
