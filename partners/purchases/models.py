"""What came with a payment: receipts that add up, shipments as they are now, and what contradicts itself."""

from django.db import models
from django.db.models import F, Q
from django.db.models.lookups import GreaterThanOrEqual, LessThanOrEqual
from django.utils.translation import gettext_lazy as _

from portal.tenancy.models import RowReach, TenantForeignKey, TenantModel

# What quantity x price may differ by from what the line says: half a minor unit, in thousandths.
_HALF = 500
_OFF_BY = F("quantity_milli") * F("unit_price_minor") - 1000 * (
    F("amount_minor") + F("discount_minor")
)


class ShipmentStatus(models.TextChoices):
    ORDERED = "ordered", _("Ordered")
    PACKED = "packed", _("Packed")
    IN_TRANSIT = "in_transit", _("On its way")
    OUT_FOR_DELIVERY = "out_for_delivery", _("Out for delivery")
    DELIVERED = "delivered", _("Delivered")
    RETURNED = "returned", _("Going back")
    DELAYED = "delayed", _("Delayed")


class Told(TenantModel):
    """Something that a bank tells of a payment, anew under each higher revision.

    `entry` is null until the payment is known; the bank's id of it, `transaction_external_id`, waits.
    """

    account = TenantForeignKey("partners.Account", models.CASCADE)
    entry = TenantForeignKey("partners.Entry", models.CASCADE, null=True, blank=True)
    external_id = models.CharField(max_length=128)
    transaction_external_id = models.CharField(max_length=210)
    revision = models.PositiveIntegerField()
    # SHA-256 of what this revision says: the same revision that says something else contradicts it.
    digest = models.CharField(max_length=64)
    merchant_name = models.CharField(max_length=350, blank=True)
    read_at = models.DateTimeField()

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return str(self.id)


class Receipt(Told):
    """What was bought with one payment. The database holds it to its sum."""

    row_reach = RowReach.ACCOUNT

    merchant_place = models.CharField(max_length=140, blank=True)
    issued_at = models.DateTimeField()
    currency = models.CharField(max_length=3)
    # What all lines come to.
    lines_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    tax_minor = models.BigIntegerField(null=True, blank=True)
    tax_included = models.BooleanField(default=True)
    total_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "account", "external_id"], name="receipt_external_id"
            ),
            models.CheckConstraint(
                condition=Q(tax_included=True, total_minor=F("lines_minor") - F("discount_minor"))
                | Q(
                    tax_included=False,
                    tax_minor__isnull=False,
                    total_minor=F("lines_minor") - F("discount_minor") + F("tax_minor"),
                ),
                name="receipt_adds_up",
            ),
        ]
        indexes = [
            models.Index(
                fields=["bank", "account", "transaction_external_id"],
                name="receipt_waiting",
                condition=Q(entry__isnull=True),
            ),
            models.Index(fields=["bank", "account", "-id"], name="receipt_latest"),
            models.Index(fields=["bank", "account", "issued_at"], name="receipt_oldest"),
        ]


class ReceiptLine(TenantModel):
    """One line: quantity (in thousandths) x unit price, rounded, less its discount, is the amount."""

    row_reach = RowReach.ACCOUNT

    account = TenantForeignKey("partners.Account", models.CASCADE)
    receipt = TenantForeignKey("partners.Receipt", models.CASCADE)
    position = models.PositiveSmallIntegerField()
    description = models.CharField(max_length=140, blank=True)
    quantity_milli = models.BigIntegerField(default=1000)
    unit = models.CharField(max_length=12, blank=True)
    unit_price_minor = models.BigIntegerField(default=0)
    discount_minor = models.BigIntegerField(default=0)
    amount_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "receipt", "position"], name="receipt_line_position"
            ),
            models.CheckConstraint(
                condition=Q(GreaterThanOrEqual(_OFF_BY, -_HALF))
                & Q(LessThanOrEqual(_OFF_BY, _HALF)),
                name="receipt_line_adds_up",
            ),
        ]

    def __str__(self) -> str:
        return str(self.id)


class Shipment(Told):
    """Where a parcel is now that was paid for."""

    row_reach = RowReach.ACCOUNT

    carrier = models.CharField(max_length=100, blank=True)
    tracking_code = models.CharField(max_length=64, blank=True)
    status = models.CharField(max_length=16, choices=ShipmentStatus)
    expected_on = models.DateField(null=True, blank=True)
    updated_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "account", "external_id"], name="shipment_external_id"
            )
        ]
        indexes = [
            models.Index(
                fields=["bank", "account", "transaction_external_id"],
                name="shipment_waiting",
                condition=Q(entry__isnull=True),
            ),
            models.Index(fields=["bank", "account", "-id"], name="shipment_latest"),
            models.Index(fields=["bank", "account", "updated_at"], name="shipment_oldest"),
        ]


class ShipmentStop(TenantModel):
    """One stop on a parcel's way, in the order in which the bank tells them."""

    row_reach = RowReach.ACCOUNT

    account = TenantForeignKey("partners.Account", models.CASCADE)
    shipment = TenantForeignKey("partners.Shipment", models.CASCADE)
    position = models.PositiveSmallIntegerField()
    at = models.DateTimeField()
    status = models.CharField(max_length=16, choices=ShipmentStatus)
    text = models.CharField(max_length=140, blank=True)
    place = models.CharField(max_length=140, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "shipment", "position"], name="shipment_stop_position"
            )
        ]

    def __str__(self) -> str:
        return str(self.id)


class PurchaseConflict(TenantModel):
    """A receipt that does not add up, or a revision that contradicts itself: kept aside, shown to nobody."""

    row_reach = RowReach.ACCOUNT

    class Reason(models.TextChoices):
        LINE_WRONG = "line_wrong", _("A line is not quantity times price")
        TOTAL_WRONG = "total_wrong", _("The lines do not come to the total")
        SAID_DIFFERENTLY = "said_differently", _("The same revision said something else before")

    account = TenantForeignKey("partners.Account", models.CASCADE)
    kind = models.CharField(max_length=20)
    external_id = models.CharField(max_length=128)
    revision = models.PositiveIntegerField()
    digest = models.CharField(max_length=64)
    reason = models.CharField(max_length=20, choices=Reason)
    # What a receipt says and what its parts come to; null for shipments.
    said_minor = models.BigIntegerField(null=True, blank=True)
    summed_minor = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3, blank=True)
    seen_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["bank", "account", "kind", "external_id", "revision", "digest"],
                name="purchase_conflict_once",
            )
        ]
        indexes = [
            models.Index(fields=["bank", "kind", "-seen_at"], name="purchase_conflict_of"),
            models.Index(fields=["bank", "seen_at"], name="purchase_conflict_oldest"),
        ]

    def __str__(self) -> str:
        return str(self.id)
