"""Addresses of the sockets."""

from typing import Any

from django.urls import path, re_path

from messaging.delivery.consumers import refuse, socket

# ASGI applications where Django's types expect views: Channels routes them.
_routed: Any = path, re_path
_path, _re_path = _routed
websocket_urlpatterns: list[Any] = [_path("v1/ws", socket), _re_path("", refuse)]
