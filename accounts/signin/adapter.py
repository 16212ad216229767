"""What allauth asks us: nobody signs up by themselves, and second factors are sealed at rest."""

import time
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from portal.secrets.sealing import seal, unseal

# A person belongs to no bank; allauth names no row when it asks to encrypt.
_NOWHERE = UUID(int=0)


class PortalAdapter(DefaultAccountAdapter):
    """Staff are invited; customers come from their bank."""

    error_messages = DefaultAccountAdapter.error_messages | {
        "account_inactive": _("This sign-in has been closed. Ask an owner at your bank."),
        "email_password_mismatch": _("That e-mail address and password do not belong together."),
        "enter_current_password": _("That is not your password."),
        "incorrect_password": _("That is not your password."),
        "too_many_login_attempts": _("Too many attempts. Wait a few minutes and try again."),
    }

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's shape
        return False

    def is_reauthentication_required(self, *, app: str) -> bool:
        """Who has proven who they are in the last minutes is not asked again."""
        if not super().is_reauthentication_required(app=app):
            return False
        proofs = get_authentication_records(self.request, self.request.user)
        last = max((each["at"] for each in proofs), default=0)
        return bool(time.time() - last > REAUTHENTICATION_TIMEOUT)


class PortalMFAAdapter(DefaultMFAAdapter):
    """Keeps the secrets of second factors sealed."""

    error_messages = DefaultMFAAdapter.error_messages | {
        "incorrect_code": _("That code is not right, or it has been used already."),
    }

    def encrypt(self, text: str) -> str:
        return seal(text, bank_id=_NOWHERE, column="mfa_authenticator.data", row_id=_NOWHERE)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(
            encrypted_text, bank_id=_NOWHERE, column="mfa_authenticator.data", row_id=_NOWHERE
        )
