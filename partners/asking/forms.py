"""What a customer's answer to a program may be."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.consent.rules import Resource
from partners.asking.queries import Offer
from partners.asking.rules import ends_within


class YesForm(forms.Form):
    """`resources()` is what was chosen, `expires_at()` until when."""

    accounts = forms.MultipleChoiceField(
        error_messages={
            "required": _("Choose at least one account."),
            "invalid_choice": _("One of these accounts is not linked any more."),
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

    def __init__(self, data: Any, *, offer: Offer, days: int) -> None:
        super().__init__(data)
        self._offer("accounts", [str(each.id) for each in offer.accounts])
        self._offer("feeds", offer.feeds)
        self._offer("alert_types", list(offer.alerts))
        self._offer("ends", [str(each) for each in ends_within(days)])

    def _offer(self, name: str, codes: Collection[str]) -> None:
        self.fields[name].choices = [(each, each) for each in codes]  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if not self.errors and not cleaned["feeds"] and not cleaned["alert_types"]:
            raise forms.ValidationError(_("Choose at least one thing to read."))
        return cleaned

    @property
    def chosen_feeds(self) -> list[str]:
        return list(self.cleaned_data["feeds"])

    @property
    def chosen_alerts(self) -> list[str]:
        return list(self.cleaned_data["alert_types"])

    def resources(self) -> Sequence[Resource]:
        return [
            Resource(UUID(account_id), scope, code)
            for account_id in self.cleaned_data["accounts"]
            for scope, codes in (("feed", self.chosen_feeds), ("alert", self.chosen_alerts))
            for code in codes
        ]

    def expires_at(self, at: datetime) -> datetime:
        days: int = self.cleaned_data["ends"]
        return at + timedelta(days=days)

    def sentences(self) -> list[str]:
        """What is wrong, each once."""
        return list(dict.fromkeys(str(each) for errors in self.errors.values() for each in errors))
