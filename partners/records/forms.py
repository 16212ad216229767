"""What the pages about a customer's records accept."""

from django import forms
from django.utils.translation import gettext_lazy as _


class ErasureForm(forms.Form):
    sure = forms.BooleanField(
        label=_("Erase all of it. I know that it cannot be brought back."),
        error_messages={"required": _("Tick this if you are sure.")},
    )


class HoldForm(forms.Form):
    reason = forms.CharField(max_length=300)
