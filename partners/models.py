"""The index in which Django finds the rooms' tables."""

from partners.alerts.models import Alert, AlertRule
from partners.banks.models import Bank, Customer, Staff, StaffDeed
from partners.connections.models import Authorisation, Connection, SpareConsent
from partners.feeds.models import Feed, FeedCursor
from partners.imports.models import StatementImport, StatementMapping
from partners.instructions.models import Instruction
from partners.integrations.models import ClientKey, Integration
from partners.ledger.models import (
    Account,
    AccountNumber,
    Balance,
    Entry,
    EntryAlias,
    EntryConflict,
    EntryPair,
)
from partners.purchases.models import (
    PurchaseConflict,
    Receipt,
    ReceiptLine,
    Shipment,
    ShipmentStop,
)
from partners.records.models import ErasureJob, LegalHold
from partners.retention.models import RetentionRule, RetentionRun
from partners.sync.models import Notification, SyncRun

__all__ = [
    "Account",
    "AccountNumber",
    "Alert",
    "AlertRule",
    "Authorisation",
    "Balance",
    "Bank",
    "ClientKey",
    "Connection",
    "Customer",
    "Entry",
    "EntryAlias",
    "EntryConflict",
    "EntryPair",
    "ErasureJob",
    "Feed",
    "FeedCursor",
    "Instruction",
    "Integration",
    "LegalHold",
    "Notification",
    "PurchaseConflict",
    "Receipt",
    "ReceiptLine",
    "RetentionRule",
    "RetentionRun",
    "Shipment",
    "ShipmentStop",
    "SpareConsent",
    "Staff",
    "StaffDeed",
    "StatementImport",
    "StatementMapping",
    "SyncRun",
]
