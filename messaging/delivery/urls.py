"""Addresses of the socket's REST doors: the same on both hosts, for other callers."""

from django.urls import URLPattern, path

from messaging.delivery.api import CustomerTicketsDoor, ProgramTicketsDoor

_TICKETS = "api/v1/realtime/tickets"

CUSTOMER_DOORS: list[URLPattern] = [path(_TICKETS, CustomerTicketsDoor.as_view())]
CLIENT_DOORS: list[URLPattern] = [path(_TICKETS, ProgramTicketsDoor.as_view())]
