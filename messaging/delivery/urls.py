"""Addresses of the socket's REST doors."""

from django.urls import URLPattern, path

from messaging.delivery.api import TicketsDoor

urlpatterns: list[URLPattern] = [path("api/v1/realtime/tickets", TicketsDoor.as_view())]
