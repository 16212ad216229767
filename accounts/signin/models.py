"""How a bank's customer proves who they are: an assertion by the bank, a short session, a window."""

from django.db import models

from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class WidgetAssertion(TenantModel):
    """A bank's signed word on a customer, spent: the same jti opens no second session."""

    row_reach = RowReach.BANK_ALONE

    jti = models.CharField(max_length=128)
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "jti"], name="assertion_jti")]
        indexes = [models.Index(fields=["bank", "expires_at"], name="assertion_expiry")]

    def __str__(self) -> str:
        return self.jti


class WidgetSession(TenantModel):
    """A customer in the chat frame: a bearer token for ten minutes, kept as its hash."""

    row_reach = RowReach.CUSTOMER

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    token_digest = models.CharField(max_length=64)
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "token_digest"], name="widget_session_token")
        ]
        indexes = [
            models.Index(fields=["bank", "customer", "-created_at"], name="widget_session_latest")
        ]

    def __str__(self) -> str:
        return str(self.id)


class WindowCode(TenantModel):
    """A one-time code that carries a customer from the frame into a top-level window."""

    row_reach = RowReach.CUSTOMER

    class Purpose(models.TextChoices):
        LINK = "link"
        SHARING = "sharing"
        REACHING = "reaching"

    customer = TenantForeignKey("partners.Customer", models.CASCADE)
    purpose = models.CharField(max_length=10, choices=Purpose)
    code_digest = models.CharField(max_length=64)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "code_digest"], name="window_code_digest")
        ]

    def __str__(self) -> str:
        return str(self.id)
