"""Addresses of the conversation's doors."""

from django.urls import URLPattern, path

from messaging.conversations import api
from messaging.conversations.views import conversation, conversation_live, conversations

_BASE = "api/v1/conversations"

urlpatterns: list[URLPattern] = [
    path(_BASE, api.ConversationsDoor.as_view()),
    path(f"{_BASE}/<uuid:conversation_id>/messages", api.MessagesDoor.as_view()),
    path(f"{_BASE}/<uuid:conversation_id>/read", api.ReadDoor.as_view()),
    path(
        f"{_BASE}/<uuid:conversation_id>/cards/<uuid:message_id>/actions/<slug:key>",
        api.CardActionDoor.as_view(),
    ),
]

# On the console's host.
PAGES: list[URLPattern] = [
    path("banks/<slug:slug>/conversations/", conversations, name="conversations"),
    path(
        "banks/<slug:slug>/conversations/<uuid:conversation_id>/",
        conversation,
        name="conversation",
    ),
    path(
        "banks/<slug:slug>/conversations/<uuid:conversation_id>/live/",
        conversation_live,
        name="conversation_live",
    ),
]
