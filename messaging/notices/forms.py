"""What the page "How we reach you" accepts."""

from django import forms
from django.utils.translation import gettext_lazy as _

from messaging.notices.rules import mail_address

_LONGEST = 254
_LONGEST_ENDPOINT = 500


class AddressForm(forms.Form):
    address = forms.CharField(
        label=_("Mail address"),
        max_length=_LONGEST,
        widget=forms.EmailInput(attrs={"autocomplete": "email", "spellcheck": "false"}),
    )

    def clean_address(self) -> str:
        written = mail_address(self.cleaned_data["address"])
        if written is None:
            raise forms.ValidationError(_("This is no mail address."))
        return written


class CodeForm(forms.Form):
    code = forms.CharField(
        label=_("Six digits"),
        max_length=12,
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )

    def clean_code(self) -> str:
        return "".join(each for each in self.cleaned_data["code"] if each.isdigit())


class BrowserForm(forms.Form):
    """A browser's subscription, as its own script sends it (W3C Push API)."""

    endpoint = forms.CharField(max_length=_LONGEST_ENDPOINT)
    p256dh = forms.CharField(max_length=100)
    auth = forms.CharField(max_length=40)


class SwitchForm(forms.Form):
    is_on = forms.BooleanField(required=False)
