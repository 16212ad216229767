"""The index in which Django finds the rooms' tables."""

from messaging.conversations.models import Conversation, Message, ReadMark, Stream, StreamEvent
from messaging.notices.models import AddressProof, MailAddress, Notice, WayChoice

__all__ = [
    "AddressProof",
    "Conversation",
    "MailAddress",
    "Message",
    "Notice",
    "ReadMark",
    "Stream",
    "StreamEvent",
    "WayChoice",
]
