"""allauth's forms in our words: a field says what it wants once, above it."""

from typing import Any

from allauth.account import forms as account
from allauth.mfa.base import forms as factor
from allauth.mfa.totp import forms as totp
from django import forms
from django.utils.translation import gettext_lazy as _

LABELS = {
    "login": _("E-mail"),
    "email": _("E-mail"),
    "password": _("Password"),
    "oldpassword": _("Your password now"),
    "password1": _("New password"),
    "password2": _("The same once more"),
    "code": _("Code"),
}
HINTS = {
    "password1": _("At least eight characters, not one of the common ones, not only digits."),
}


class InOurWords(forms.Form):
    """Labels and hints of the house, and no second label inside the field."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            field.widget.attrs.pop("placeholder", None)
            field.label = LABELS.get(name, field.label)
            field.help_text = HINTS.get(name, "")


class SignInForm(InOurWords, account.LoginForm):
    pass


class ResetForm(InOurWords, account.ResetPasswordForm):
    pass


class NewPasswordForm(InOurWords, account.ResetPasswordKeyForm):
    pass


class ChangePasswordForm(InOurWords, account.ChangePasswordForm):
    pass


class ConfirmForm(InOurWords, account.ReauthenticateForm):
    pass


class CodeForm(InOurWords, factor.AuthenticateForm):
    pass


class ConfirmByCodeForm(InOurWords, factor.ReauthenticateForm):
    pass


class SetUpForm(InOurWords, totp.ActivateTOTPForm):
    pass
