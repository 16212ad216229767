"""What the page of the integration accepts."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import URLValidator
from django.utils.translation import gettext_lazy as _


def require_full_address(value: str) -> None:
    """An http or https URL; in production https alone."""
    schemes = ["https"] if settings.PRODUCTION else ["https", "http"]
    words = _("A full address such as https://api.bank.example")
    URLValidator(schemes=schemes, message=words)(value)


def _address(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=300, validators=[require_full_address]
    )


class IntegrationForm(forms.Form):
    base_url = _address(
        _("Base address"), _("Without a path of the standard: we add /open-banking and the rest.")
    )
    authorize_url = _address(_("Authorisation address"))
    token_url = _address(_("Token address"))
    client_id = forms.CharField(label=_("Client id"), max_length=200)
    client_secret = forms.CharField(
        label=_("Client secret"),
        max_length=500,
        required=False,
        strip=False,
        widget=forms.PasswordInput(render_value=False, attrs={"autocomplete": "off"}),
    )

    def __init__(self, *arguments: Any, has_secret: bool, **rest: Any) -> None:
        super().__init__(*arguments, **rest)
        # An empty secret keeps the one that is there; there has to be one.
        self.fields["client_secret"].required = not has_secret
