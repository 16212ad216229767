"""What a bank may ask about what it shared."""

from datetime import date, timedelta
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from accounts.disclosure.models import Disclosure
from partners.compliance.rules import LONGEST_DAYS
from partners.console.forms import CODES, LONGEST_REFERENCE

RECIPIENT = r"^(chat|portal|bank|staff|client:\d{1,18})$"
_DAYS = ["%Y-%m-%d"]


class PeriodForm(forms.Form):
    """A period in the bank's own calendar days, both ends in: the last thirty where nothing is said."""

    since = forms.DateField(label=_("From"), required=False, input_formats=_DAYS)
    until = forms.DateField(label=_("To"), required=False, input_formats=_DAYS)

    def __init__(self, *args: Any, today: date, **options: Any) -> None:
        super().__init__(*args, **options)
        self.today = today

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        if self.errors:
            return said
        until = said.get("until") or self.today
        since = said.get("since") or min(until, self.today) - timedelta(days=29)
        if since > until:
            self.add_error("until", _("The last day lies before the first."))
        elif (until - since).days >= LONGEST_DAYS:
            words = _("At most %(days)d days at a time.") % {"days": LONGEST_DAYS}
            self.add_error("since", words)
        return said | {"since": since, "until": until}


class SearchForm(PeriodForm):
    customer = forms.CharField(max_length=LONGEST_REFERENCE, required=False)
    recipient = forms.RegexField(RECIPIENT, required=False)
    feed = forms.ChoiceField(choices=CODES, required=False)
    decision = forms.ChoiceField(choices=Disclosure.Decision.choices, required=False)
