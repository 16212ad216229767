"""What the console's lists can be narrowed by, and what is to be tried again."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.disclosure.models import Disclosure
from partners.alerts.models import AlertType
from partners.feeds.models import FeedKind
from partners.instructions.models import Instruction
from partners.sync.history import Decision

LONGEST_REFERENCE = 100


class CustomersForm(forms.Form):
    q = forms.CharField(max_length=LONGEST_REFERENCE, required=False)


class TryAgainForm(forms.Form):
    kind = forms.ChoiceField(choices=FeedKind.choices)
    problem = forms.CharField(max_length=60)


class ReadAgainForm(forms.Form):
    """Which feed; and, where it was asked for on a customer's page, whose."""

    id = forms.UUIDField()
    customer = forms.UUIDField(required=False)


class HistoryForm(forms.Form):
    decision = forms.TypedChoiceField(
        choices=[(each.value, each.value) for each in Decision], coerce=Decision
    )


# Whatever a disclosure can be of.
CODES = [
    ("accounts", ""),
    ("disclosures", ""),
    *FeedKind.choices,
    *AlertType.choices,
    *Instruction.Kind.choices,
]


class DisclosuresForm(forms.Form):
    """Days are the bank's own calendar days, both ends in."""

    decision = forms.ChoiceField(choices=Disclosure.Decision.choices, required=False)
    feed = forms.ChoiceField(choices=CODES, required=False)
    since = forms.DateField(label=_("From"), required=False, input_formats=["%Y-%m-%d"])
    until = forms.DateField(label=_("To"), required=False, input_formats=["%Y-%m-%d"])

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        since, until = said.get("since"), said.get("until")
        if since and until and since > until:
            self.add_error("until", _("The last day lies before the first."))
        return said
