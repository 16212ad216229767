"""Which handler hears which event: the one list."""

from accounts.events import ConsentGranted, ConsentRevoked
from partners.events import AccountsLinked, AlertRaised, InstructionChanged
from portal.outbox.events import Subscription

_CHAT = "messaging.delivery.handlers"

SUBSCRIPTIONS: tuple[Subscription, ...] = (
    Subscription(AlertRaised, "chat", f"{_CHAT}.on_alert_raised"),
    Subscription(InstructionChanged, "chat", f"{_CHAT}.on_instruction_changed"),
    Subscription(AccountsLinked, "chat", f"{_CHAT}.on_accounts_linked"),
    Subscription(ConsentGranted, "chat", f"{_CHAT}.on_consent_changed"),
    Subscription(ConsentRevoked, "chat", f"{_CHAT}.on_consent_changed"),
)
