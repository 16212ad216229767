"""Addresses of the conversation's doors."""

from django.urls import URLPattern, path

from messaging.conversations import api

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
