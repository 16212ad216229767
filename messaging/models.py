"""The index in which Django finds the rooms' tables."""

from messaging.conversations.models import Conversation, Message, ReadMark, Stream, StreamEvent

__all__ = ["Conversation", "Message", "ReadMark", "Stream", "StreamEvent"]
