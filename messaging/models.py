"""The index in which Django finds the rooms' tables."""

from messaging.conversations.models import Conversation, Message, ReadMark, Stream, StreamEvent
from messaging.notices.models import (
    AddressProof,
    MailAddress,
    Notice,
    PushSubscription,
    WayChoice,
)
from messaging.webhooks.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookReplay,
    WebhookSecret,
    WebhookTest,
)

__all__ = [
    "AddressProof",
    "Conversation",
    "MailAddress",
    "Message",
    "Notice",
    "PushSubscription",
    "ReadMark",
    "Stream",
    "StreamEvent",
    "WayChoice",
    "WebhookAttempt",
    "WebhookDelivery",
    "WebhookEndpoint",
    "WebhookReplay",
    "WebhookSecret",
    "WebhookTest",
]
