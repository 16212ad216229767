"""What allauth asks us: nobody signs up by themselves, and second factors are sealed at rest."""

from uuid import UUID

from allauth.account.adapter import DefaultAccountAdapter
from allauth.mfa.adapter import DefaultMFAAdapter
from django.http import HttpRequest

from portal.secrets.sealing import seal, unseal

# A person belongs to no bank; allauth names no row when it asks to encrypt.
_NOWHERE = UUID(int=0)


class PortalAdapter(DefaultAccountAdapter):  # type: ignore[misc]  # allauth has no types
    """Staff are invited; customers come from their bank."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002  # allauth's shape
        return False


class PortalMFAAdapter(DefaultMFAAdapter):  # type: ignore[misc]  # allauth has no types
    """Keeps the secrets of second factors sealed."""

    def encrypt(self, text: str) -> str:
        return seal(text, bank_id=_NOWHERE, column="mfa_authenticator.data", row_id=_NOWHERE)

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(
            encrypted_text, bank_id=_NOWHERE, column="mfa_authenticator.data", row_id=_NOWHERE
        )
