"""What a bank's own words are signed with."""

from django.db import models
from django.db.models import Q

from portal.secrets.fields import SealedField
from portal.tenancy.models import RowReach, TenantModel


class SigningKey(TenantModel):
    """One of a bank's Ed25519 keys (RFC 8032); the public half is published for good."""

    row_reach = RowReach.BANK_ALONE

    # Both halves as base64 of the 32 bytes.
    public_key = models.CharField(max_length=44)
    private_key = SealedField()
    valid_from = models.DateTimeField()
    # None: the one that signs now.
    valid_until = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank"], condition=Q(valid_until=None), name="signing_key_now"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)
