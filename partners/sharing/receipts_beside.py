"""Which receipts parcels belong to, for a reader who may see both."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from uuid import UUID

from partners.purchases.models import Shipment
from partners.purchases.queries import receipts_of
from partners.purchases.rules import receipt_of
from partners.sharing.gate import Allowed, authorize

_RECEIPTS = "receipts"


def receipts_beside(shipments: Sequence[Shipment], allowed: Allowed) -> dict[UUID, UUID]:
    """The receipt of each parcel that has one; of none where the reader may not see receipts.

    Nothing of a receipt is told but that it is this one: its reading is another, and disclosed as one.
    """
    if not shipments:
        return {}
    accounts = tuple(sorted({each.account_id for each in shipments}))
    also = authorize(replace(allowed.ask, code=_RECEIPTS, account_ids=accounts))
    if not isinstance(also, Allowed):
        return {}
    of_payment: defaultdict[UUID | None, list[tuple[UUID, str]]] = defaultdict(list)
    entries = {each.entry_id for each in shipments if each.entry_id is not None}
    found = receipts_of(also.history_from).filter(entry_id__in=entries)
    for entry_id, receipt_id, name in found.values_list("entry_id", "id", "merchant_name"):
        of_payment[entry_id].append((receipt_id, name))
    matched = {
        each.id: receipt_of(each.merchant_name, of_payment[each.entry_id]) for each in shipments
    }
    return {each: receipt_id for each, receipt_id in matched.items() if receipt_id is not None}
