"""What the page for changing a consent accepts: less than before, and another end."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.consent.rules import Resource
from partners.connections.rules import DAYS


def resource_key(each: Resource) -> str:
    return f"{each.account_id}:{each.scope}:{each.code}"


def _resource(key: str) -> Resource:
    account_id, scope, code = key.split(":")
    return Resource(UUID(account_id), scope, code)


class ChangeForm(forms.Form):
    """`kept()` is what stays, `expires_at()` until when."""

    kept_keys = forms.MultipleChoiceField(
        error_messages={
            "required": _("Leave at least one thing on, or end it altogether."),
            "invalid_choice": _("This was not allowed before."),
        }
    )
    ends = forms.ChoiceField(
        required=False,
        choices=[("", ""), *((str(days), days) for days in DAYS)],
        error_messages={"invalid_choice": _("Choose until when.")},
    )
    sure = forms.BooleanField(required=False)

    def __init__(self, data: Any, *, named: Collection[Resource]) -> None:
        super().__init__(data)
        keys = [(resource_key(each),) * 2 for each in named]
        self.fields["kept_keys"].choices = keys  # type: ignore[attr-defined]

    def kept(self) -> list[Resource]:
        return [_resource(each) for each in self.cleaned_data["kept_keys"]]

    def expires_at(self, was: datetime, *, at: datetime) -> datetime:
        """As it was, or so many days from now."""
        days = self.cleaned_data["ends"]
        return at + timedelta(days=int(days)) if days else was

    def sentences(self) -> list[str]:
        """What is wrong, each once."""
        return list(dict.fromkeys(str(each) for errors in self.errors.values() for each in errors))
