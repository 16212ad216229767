"""Which handler hears which event: the one list."""

from accounts.events import ConsentGranted, ConsentLapsed, ConsentRevoked, ConsentSuperseded
from partners.events import (
    AccountRenamed,
    AccountsLinked,
    AlertRaised,
    BalancesRead,
    EntriesChanged,
    InstructionChanged,
    InstructionOverdue,
    ReceiptIssued,
    ShipmentMoved,
)
from portal.outbox.events import Subscription

_HEARD = "messaging.delivery.handlers"
_ASKED = "partners.instructions.handlers"
_CONNECTED = "partners.connections.handlers"

SUBSCRIPTIONS: tuple[Subscription, ...] = (
    Subscription(InstructionOverdue, "instructions", f"{_ASKED}.on_instruction_overdue"),
    Subscription(AccountsLinked, "instructions", f"{_ASKED}.on_accounts_linked"),
    Subscription(AccountsLinked, "connections", f"{_CONNECTED}.on_less_allowed"),
    Subscription(ConsentRevoked, "connections", f"{_CONNECTED}.on_less_allowed"),
    Subscription(ConsentSuperseded, "connections", f"{_CONNECTED}.on_less_allowed"),
    Subscription(AlertRaised, "chat", f"{_HEARD}.on_alert_raised"),
    Subscription(ReceiptIssued, "chat", f"{_HEARD}.on_receipt_issued"),
    Subscription(ShipmentMoved, "chat", f"{_HEARD}.on_shipment_moved"),
    Subscription(BalancesRead, "chat", f"{_HEARD}.on_balances_read"),
    Subscription(AccountRenamed, "chat", f"{_HEARD}.on_account_renamed"),
    Subscription(InstructionChanged, "chat", f"{_HEARD}.on_instruction_changed"),
    Subscription(AccountsLinked, "chat", f"{_HEARD}.on_accounts_linked"),
    Subscription(ConsentGranted, "chat", f"{_HEARD}.on_consent_changed"),
    Subscription(ConsentRevoked, "chat", f"{_HEARD}.on_consent_changed"),
    Subscription(AlertRaised, "programs", f"{_HEARD}.on_alert_for_programs"),
    Subscription(EntriesChanged, "programs", f"{_HEARD}.on_entries_for_programs"),
    Subscription(ConsentGranted, "programs", f"{_HEARD}.on_grant_for_programs"),
    Subscription(ConsentRevoked, "programs", f"{_HEARD}.on_end_for_programs"),
    Subscription(ConsentSuperseded, "programs", f"{_HEARD}.on_end_for_programs"),
    Subscription(ConsentLapsed, "programs", f"{_HEARD}.on_end_for_programs"),
)
