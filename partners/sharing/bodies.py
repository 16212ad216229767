"""What the doors answer, for the OpenAPI file."""

from typing import Any

from rest_framework import serializers

from partners.ledger.categories import Category
from partners.ledger.models import Balance, Entry
from partners.purchases.models import ShipmentStatus
from portal.rest.schema import MoneyBody
from portal.rest.serializers import StrictSerializer

LARGEST_PAGE, USUAL_PAGE = 500, 100


class SharedPageRequest(StrictSerializer):
    """`limit` and `cursor` in the address; any other name there is refused."""

    limit = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, default=USUAL_PAGE)
    cursor = serializers.CharField(required=False, max_length=4096)


class Nothing(StrictSerializer):
    """No parameters: any name in the address is refused."""


class SharedAccountBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    name = serializers.CharField(allow_null=True)
    kind = serializers.CharField(allow_null=True)
    currency = serializers.RegexField(r"^[A-Z]{3}$")
    masked_identification = serializers.CharField(allow_blank=True, allow_null=True)


class SharedAccountsBody(serializers.Serializer[Any]):
    accounts = SharedAccountBody(many=True)


class BandBody(serializers.Serializer[Any]):
    """What the amount lies in: more than `above`, at most `up_to`; of what went out both are negative,
    and it is less than `above`, at least `up_to`. `up_to` is null where there is no end.
    """

    above = serializers.RegexField(r"^-?\d+(\.\d+)?$")
    up_to = serializers.RegexField(r"^-?\d+(\.\d+)?$", allow_null=True)
    currency = serializers.RegexField(r"^[A-Z]{3}$")


class SharedBalanceBody(serializers.Serializer[Any]):
    """Where the bank shows amounts in bands, `balance` is null and `balance_band` is not.

    `credit_line`: how much the bank lets the account go below what it holds, where it says so, and
    `credit_line_included`: whether `balance` counts it already (null: not said). Nothing is added up.
    """

    kind = serializers.ChoiceField(choices=Balance.Kind.choices)
    balance = MoneyBody(allow_null=True)
    balance_band = BandBody(allow_null=True)
    credit_line = MoneyBody(allow_null=True)
    credit_line_band = BandBody(allow_null=True)
    credit_line_included = serializers.BooleanField(allow_null=True)
    as_of = serializers.DateTimeField()


class SharedBalancesBody(serializers.Serializer[Any]):
    """`fresh_as_of`: when the bank last answered in full; null until it has."""

    account_id = serializers.UUIDField()
    balances = SharedBalanceBody(many=True)
    fresh_as_of = serializers.DateTimeField(allow_null=True)


class TransactionDetailBody(serializers.Serializer[Any]):
    """One of several payments that a row of a statement sums up, or a row's own words before they were cut up."""

    amount = MoneyBody(allow_null=True)
    counterparty = serializers.CharField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    reference = serializers.CharField(allow_null=True)


class SharedTransactionBody(serializers.Serializer[Any]):
    """A field is null where the bank gave nothing, or holds it back. Where it shows amounts in bands,
    `amount_band` stands for `amount`; where it shows months alone, `booked_month` for `booked_on`.

    `exchange_rate` is as the bank wrote it, either way round; `exchange_rate_fits` is false where it leads from
    neither amount to the other, and null where that cannot be told.

    `merchant` is cleaned from `merchant_name`, or of a card payment without one from `description`, which are
    as the bank wrote them; `category` comes from the code `merchant_category` (ISO 18245) alone.

    `details`: what the bank's statement says the row sums up; its own `amount` is what was booked.
    """

    id = serializers.UUIDField()
    account_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=Entry.Status.choices)
    kind = serializers.CharField()
    amount = MoneyBody(allow_null=True)
    amount_band = BandBody(allow_null=True)
    original_amount = MoneyBody(allow_null=True)
    original_currency = serializers.RegexField(r"^[A-Z]{3}$", allow_null=True)
    exchange_rate = serializers.CharField(allow_null=True)
    exchange_rate_fits = serializers.BooleanField(allow_null=True)
    booked_on = serializers.DateField(allow_null=True)
    booked_month = serializers.RegexField(r"^\d{4}-\d{2}$", allow_null=True)
    booked_at = serializers.DateTimeField(allow_null=True)
    value_on = serializers.DateField(allow_null=True)
    description = serializers.CharField(allow_null=True)
    merchant = serializers.CharField(allow_null=True)
    category = serializers.ChoiceField(choices=Category.choices, allow_null=True)
    merchant_name = serializers.CharField(allow_null=True)
    merchant_category = serializers.CharField(allow_null=True)
    merchant_country = serializers.CharField(allow_null=True)
    card_last4 = serializers.CharField(allow_null=True)
    details = TransactionDetailBody(many=True, allow_null=True)


class SharedTransactionsBody(serializers.Serializer[Any]):
    """Newest day first; where the bank shows months alone, newest month first. `next_cursor` is null on
    the last page.

    All that the bank has booked from `covered_from` to `covered_until` is here, of what may be shown since
    `history_from`; null where that is not known of any day yet. Where months alone are shown, these are months'
    first days. Missing in it are `unreadable_rows`, which the bank lists in a way that cannot be read.
    """

    account_id = serializers.UUIDField()
    transactions = SharedTransactionBody(many=True)
    history_from = serializers.DateField()
    covered_from = serializers.DateField(allow_null=True)
    covered_until = serializers.DateField(allow_null=True)
    unreadable_rows = serializers.IntegerField(min_value=0)
    fresh_as_of = serializers.DateTimeField(allow_null=True)
    next_cursor = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class PurchasesPageRequest(SharedPageRequest):
    """A page; with `transaction_id` only what belongs to that transaction."""

    transaction_id = serializers.UUIDField(required=False)


class ReceiptLineBody(serializers.Serializer[Any]):
    """`quantity` x `unit_price`, rounded to the minor unit, less `discount`, is `amount`."""

    description = serializers.CharField(allow_null=True)
    quantity = serializers.RegexField(r"^\d+(\.\d{1,3})?$")
    unit = serializers.CharField(allow_null=True)
    unit_price = MoneyBody()
    discount = MoneyBody(allow_null=True)
    amount = MoneyBody()


class SharedReceiptBody(serializers.Serializer[Any]):
    """`subtotal` is the sum of the lines' amounts; less `discount`, plus `tax` where it is not
    `tax_included`, it is `total`. A field is null where the bank gave nothing, or holds it back. Where it
    shows amounts in bands, `total_band` stands for all of them.
    """

    id = serializers.UUIDField()
    account_id = serializers.UUIDField()
    transaction_id = serializers.UUIDField()
    revision = serializers.IntegerField(min_value=1)
    merchant_name = serializers.CharField(allow_null=True)
    merchant_place = serializers.CharField(allow_null=True)
    issued_at = serializers.DateTimeField(allow_null=True)
    lines = ReceiptLineBody(many=True, allow_null=True)
    subtotal = MoneyBody(allow_null=True)
    discount = MoneyBody(allow_null=True)
    tax = MoneyBody(allow_null=True)
    tax_included = serializers.BooleanField()
    total = MoneyBody(allow_null=True)
    total_band = BandBody(allow_null=True)


class SharedReceiptsBody(serializers.Serializer[Any]):
    """The receipt that we heard of last comes first. `next_cursor` is null on the last page."""

    account_id = serializers.UUIDField()
    receipts = SharedReceiptBody(many=True)
    history_from = serializers.DateField()
    fresh_as_of = serializers.DateTimeField(allow_null=True)
    next_cursor = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class ShipmentEventBody(serializers.Serializer[Any]):
    at = serializers.DateTimeField(allow_null=True)
    status = serializers.ChoiceField(choices=ShipmentStatus.choices)
    text = serializers.CharField(allow_null=True)
    place = serializers.CharField(allow_null=True)


class SharedShipmentBody(serializers.Serializer[Any]):
    """Where a parcel is now: the same id under each higher `revision`.

    `receipt_id`: the receipt of what is in it; null where there is none yet, where receipts are not shared, and where
    several of the same payment cannot be told apart.
    """

    id = serializers.UUIDField()
    account_id = serializers.UUIDField()
    transaction_id = serializers.UUIDField()
    receipt_id = serializers.UUIDField(allow_null=True)
    revision = serializers.IntegerField(min_value=1)
    merchant_name = serializers.CharField(allow_null=True)
    carrier = serializers.CharField(allow_null=True)
    tracking_code = serializers.CharField(allow_null=True)
    status = serializers.ChoiceField(choices=ShipmentStatus.choices)
    expected_on = serializers.DateField(allow_null=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    events = ShipmentEventBody(many=True)


class SharedShipmentsBody(serializers.Serializer[Any]):
    """The shipment that we heard of last comes first. `next_cursor` is null on the last page."""

    account_id = serializers.UUIDField()
    shipments = SharedShipmentBody(many=True)
    history_from = serializers.DateField()
    fresh_as_of = serializers.DateTimeField(allow_null=True)
    next_cursor = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class RemovedTransactionBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    account_id = serializers.UUIDField()


class ChangesBody(serializers.Serializer[Any]):
    """Keep `added` and `modified` by their id, drop `removed`, and all of `removed_accounts`.

    Call again with `next_cursor`: at once while `has_more`, later when not.
    """

    added = SharedTransactionBody(many=True)
    modified = SharedTransactionBody(many=True)
    removed = RemovedTransactionBody(many=True)
    removed_accounts = serializers.ListField(child=serializers.UUIDField())
    next_cursor = serializers.CharField()
    has_more = serializers.BooleanField()


class ConsentBankBody(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()


class ConsentPurposeBody(serializers.Serializer[Any]):
    code = serializers.CharField()
    version = serializers.IntegerField()
    title = serializers.CharField()


class StatusElsewhereBody(serializers.Serializer[Any]):
    """The same state in the words of UK Open Banking and of FDX."""

    uk_open_banking = serializers.ChoiceField(choices=["AUTH", "EXPD", "CANC"])
    fdx = serializers.ChoiceField(choices=["ACTIVE", "EXPIRED", "REVOKED"])


class ConsentResourceBody(serializers.Serializer[Any]):
    account_id = serializers.UUIDField()
    scope = serializers.ChoiceField(choices=["feed", "alert"])
    code = serializers.CharField()


class ConsentBody(serializers.Serializer[Any]):
    """What the customer allowed, whether it still holds or not."""

    id = serializers.CharField()
    status = serializers.ChoiceField(choices=["live", "expired", "revoked", "superseded"])
    status_elsewhere = StatusElsewhereBody()
    bank = ConsentBankBody()
    purpose = ConsentPurposeBody()
    granted_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()
    ended_at = serializers.DateTimeField(allow_null=True)
    history_from = serializers.DateField()
    resources = ConsentResourceBody(many=True)
