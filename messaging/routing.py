"""Addresses of the sockets."""

from django.urls import URLPattern, path, re_path

from messaging.delivery.consumers import refuse, socket

websocket_urlpatterns: list[URLPattern] = [
    path("v1/ws", socket),  # type: ignore[arg-type]  # an ASGI application, as Channels routes them
    re_path("", refuse),  # type: ignore[arg-type]  # an ASGI application, as Channels routes them
]
