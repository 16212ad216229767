"""What the page of the integration accepts."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import URLValidator
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.html import format_html, format_html_join
from django.utils.translation import gettext_lazy as _

from partners.integrations.actions import Proof
from partners.integrations.models import Integration
from partners.integrations.rules import KeysRefused, certificate_until, read_private_key


def require_full_address(value: str) -> None:
    """An http or https URL; in production https alone."""
    schemes = ["https"] if settings.PRODUCTION else ["https", "http"]
    words = _("A full address such as https://api.bank.example")
    URLValidator(schemes=schemes, message=words)(value)


def _address(label: Any, help_text: Any = "") -> forms.CharField:
    return forms.CharField(
        label=label, help_text=help_text, max_length=300, validators=[require_full_address]
    )


def _pem(
    label: Any, help_text: Any, *, max_length: int, required: bool = False
) -> forms.CharField:
    written = {"rows": 4, "spellcheck": "false", "autocomplete": "off"}
    return forms.CharField(
        label=label,
        help_text=help_text,
        max_length=max_length,
        required=required,
        widget=forms.Textarea(attrs=written),
    )


PROTOCOLS = (
    (
        "uk_open_banking",
        "UK Open Banking 4.0",
        _("What banks in the United Kingdom have by law, in its newest version."),
    ),
    (
        "uk_open_banking_3_1",
        "UK Open Banking 3.1",
        _("The same in its older words. Take it where your interface says Booked and Pending."),
    ),
    (
        "berlin_group",
        "Berlin Group NextGenPSD2 1.3",
        _("What most banks on the continent have. Your consents have an id of their own."),
    ),
    (
        "cursor_sync",
        _("Cursor sync"),
        _("You tell what was added, changed and removed since the last time, as Plaid does."),
    ),
)


def _protocol_words() -> Any:
    """What each protocol is, below the list of them."""
    rows = format_html_join("", "<br><strong>{}</strong>: {}", [each[1:] for each in PROTOCOLS])
    again = _("Customers who have linked by another one have to link again.")
    return format_html("{} {}", again, rows)


class IntegrationForm(forms.Form):
    connector = forms.ChoiceField(
        label=_("Protocol"),
        choices=[each[:2] for each in PROTOCOLS],
        required=False,
        help_text=lazy(_protocol_words, str)(),
    )
    base_url = _address(
        _("Base address"),
        _("Without a path of the standard: we add /open-banking, /psd2 or /sync and the rest."),
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
    authentication = forms.ChoiceField(
        label=_("How we prove who we are"),
        choices=Integration.Authentication.choices,
        required=False,
        help_text=_("To your token address. A certificate, once stored, is shown in every call."),
    )
    private_key = _pem(
        _("Private key"),
        _("PEM: RSA, P-256 or Ed25519. Sealed when stored, and never shown."),
        max_length=20_000,
    )
    certificate = _pem(
        _("Certificate"),
        _("PEM, its chain after it. It goes with the private key: renew both at once."),
        max_length=40_000,
    )
    key_id = forms.CharField(
        label=_("Key id"),
        max_length=128,
        required=False,
        help_text=_("The kid by which you know our key."),
    )

    def __init__(
        self,
        *arguments: Any,
        has_secret: bool,
        has_key: bool = False,
        has_certificate: bool = False,
        **rest: Any,
    ) -> None:
        super().__init__(*arguments, **rest)
        self._has_secret, self._has_key = has_secret, has_key
        self._has_certificate = has_certificate
        self._keys: dict[str, Any] = {}

    def clean(self) -> dict[str, Any]:
        """An empty secret or key keeps the one that is there; what the way of proving needs must be there."""
        said = super().clean() or {}
        self._read_keys(said)
        way = said.get("authentication") or Integration.Authentication.SECRET
        key = self._keys or self._has_key
        certificate = self._keys["certificate"] if self._keys else self._has_certificate
        if way == Integration.Authentication.SECRET:
            self._need("client_secret", said.get("client_secret") or self._has_secret)
        else:
            self._need("private_key", key)
        if way == Integration.Authentication.CERTIFICATE:
            self._need("certificate", certificate)
        kept = {
            name: each for name, each in said.items() if name not in {"authentication", "key_id"}
        }
        return kept | {"proof": Proof(way, said.get("key_id", ""), **self._keys)}

    def _need(self, name: str, there: Any) -> None:
        if not there and name not in self.errors:
            self.add_error(name, _("Needed to prove who we are in this way."))

    def _read_keys(self, said: dict[str, Any]) -> None:
        key, certificate = said.pop("private_key", ""), said.pop("certificate", "")
        if not key:
            if certificate:
                self.add_error("private_key", _("A certificate goes with its private key."))
            return
        try:
            self._keys = read_keys(key, certificate)
        except KeysRefused as refused:
            self.add_error(refused.field, _(str(refused)))


def read_keys(private_key: str, certificate: str) -> dict[str, Any]:
    """Both, and until when the certificate is good. Raises KeysRefused."""
    read_private_key(private_key)
    at = timezone.now()
    until = certificate_until(certificate, private_key, at=at) if certificate else None
    return {"private_key": private_key, "certificate": certificate, "certificate_until": until}


class NextKeyForm(forms.Form):
    """A key that was made elsewhere, with its certificate where the bank wants one."""

    private_key = _pem(
        _("Private key"),
        _("PEM: RSA, P-256 or Ed25519. Sealed when stored, and never shown."),
        max_length=20_000,
        required=True,
    )
    certificate = _pem(_("Certificate"), _("PEM, its chain after it."), max_length=40_000)
    key_id = forms.CharField(
        label=_("Key id"),
        max_length=128,
        required=False,
        help_text=_("The kid by which you will know it. Left empty, its thumbprint (RFC 7638)."),
    )

    def __init__(self, *arguments: Any, taken_ids: Collection[str] = (), **rest: Any) -> None:
        super().__init__(*arguments, **(rest | {"auto_id": "next_%s"}))
        self._taken_ids = taken_ids

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if said.get("key_id") and said["key_id"] in self._taken_ids:
            self.add_error("key_id", _("Another of our keys has this id."))
        if not said.get("private_key"):
            return said
        try:
            keys = read_keys(said["private_key"], said.get("certificate", ""))
        except KeysRefused as refused:
            self.add_error(refused.field, _(str(refused)))
            return said
        return {"key": Proof("", said.get("key_id", ""), **keys)}


class CertificateForm(forms.Form):
    """What an authority made of the next key's signing request."""

    certificate = _pem(
        _("Certificate"),
        _("PEM, its chain after it: of the signing request above."),
        max_length=40_000,
        required=True,
    )

    def __init__(self, *arguments: Any, private_key: str, **rest: Any) -> None:
        super().__init__(*arguments, **(rest | {"auto_id": "made_%s"}))
        self._private_key = private_key

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not said.get("certificate"):
            return said
        try:
            keys = read_keys(self._private_key, said["certificate"])
        except KeysRefused as refused:
            self.add_error("certificate", _(str(refused)))
            return said
        return {"certificate": keys["certificate"], "until": keys["certificate_until"]}
