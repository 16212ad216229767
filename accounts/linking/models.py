"""Which person has which account."""

from django.db import models
from django.db.models import Q

from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class Link(TenantModel):
    """A customer's tie to one account; a joint account has one for each holder."""

    row_reach = RowReach.CUSTOMER_AND_ACCOUNT

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    account = TenantForeignKey("partners.Account", models.CASCADE)
    connection = TenantForeignKey("partners.Connection", models.CASCADE)
    linked_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "customer", "account"],
                name="link_once",
                condition=Q(ended_at__isnull=True),
            )
        ]
        indexes = [
            models.Index(fields=["bank", "customer"], name="link_customer"),
            models.Index(fields=["bank", "account"], name="link_account"),
        ]

    def __str__(self) -> str:
        return str(self.id)
