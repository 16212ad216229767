"""What a bank adds to a transaction beyond its standard, as `openapi.yaml` beside this file describes it."""

import re
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from partners.connectors.answers import Node
from partners.connectors.base import BadAnswer
from partners.connectors.dates import BankDay

_COUNTRY = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class Supplement:
    fraud_suspected: bool
    merchant_country: str | None
    card_id: str | None


def read_supplement(row: Node) -> Supplement:
    more = row.optional_node("SupplementaryData")
    country = more.members.get("MerchantCountry")
    known = isinstance(country, str) and _COUNTRY.fullmatch(country)
    return Supplement(
        fraud_suspected=more.members.get("FraudSignal") == "suspected",
        merchant_country=str(country) if known else None,
        card_id=more.identity("CardId", limit=128) if more.has("CardId") else None,
    )


def moment_within(row: Node, booked: BankDay, zone: ZoneInfo) -> datetime | None:
    """When it happened, where the standard has dates alone; nothing that is not of the day itself."""
    try:
        said = row.optional_node("SupplementaryData").day("OccurredAt", zone)
    except BadAnswer:
        return booked.at
    return said.at if said.on == booked.on else booked.at
