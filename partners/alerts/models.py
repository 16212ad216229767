"""Alert types, a bank's rules, alerts raised."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel


class AlertType(models.TextChoices):
    # In the order of their weight: of several about one payment, the first is shown.
    FRAUD_SUSPECTED = "fraud_suspected", _("Fraud suspected")
    LARGE_PAYMENT = "large_payment", _("Large payment")
    LOW_BALANCE = "low_balance", _("Low balance")
    FOREIGN = "foreign", _("Foreign currency or country")
    REFUND = "refund", _("Refund")
    SALARY = "salary", _("Salary")


class AlertRule(TenantModel):
    """A bank's choice of when one type of alert is raised. No row, or not enabled: never."""

    row_reach = RowReach.BANK

    alert_type = models.CharField(max_length=20, choices=AlertType)
    enabled = models.BooleanField(default=False)
    # The type's parameters, as docs/words.md defines them.
    parameters = models.JSONField(default=dict)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["bank", "alert_type"], name="alert_rule_once")
        ]

    def __str__(self) -> str:
        return self.alert_type


class Alert(TenantModel):
    """One notice. `once_key` says what it is about, so that it is never raised twice."""

    row_reach = RowReach.ACCOUNT

    account = TenantForeignKey("partners.Account", models.CASCADE)
    entry = TenantForeignKey("partners.Entry", models.CASCADE, null=True, blank=True)
    alert_type = models.CharField(max_length=20, choices=AlertType)
    once_key = models.CharField(max_length=120)
    rule_version = models.PositiveIntegerField()
    raised_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["bank", "once_key"], name="alert_once_key")]
        indexes = [
            models.Index(fields=["bank", "account", "-raised_at"], name="alert_latest"),
            models.Index(fields=["bank", "-raised_at"], name="alert_by_day"),
        ]

    def __str__(self) -> str:
        return str(self.id)
