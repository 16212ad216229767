"""The index in which Django finds the rooms' tables."""

from messaging.conversations.models import Conversation, Message, ReadMark, Stream, StreamEvent
from messaging.notices.models import MailAddress, Notice

__all__ = [
    "Conversation",
    "MailAddress",
    "Message",
    "Notice",
    "ReadMark",
    "Stream",
    "StreamEvent",
]
