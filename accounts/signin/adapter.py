"""What allauth asks us: nobody signs up by themselves, and second factors are sealed at rest."""

import time
from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.app_settings import REAUTHENTICATION_TIMEOUT
from allauth.account.authentication import get_authentication_records
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from portal.secrets.sealing import seal, unseal

# A person belongs to no bank; allauth names no row when it asks to encrypt.
_NOWHERE = UUID(int=0)


class PortalAdapter(DefaultAccountAdapter):
    """Staff are invited; customers come from their bank."""

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

    def encrypt(self, text: str) -> str:
        return seal(text, bank_id=_NOWHERE, column="mfa_authenticator.data", row_id=_NOWHERE)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(
            encrypted_text, bank_id=_NOWHERE, column="mfa_authenticator.data", row_id=_NOWHERE
        )
