"""Tickets: how a REST session opens a socket."""

from typing import Any

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.signin.authentication import WidgetAuthentication, customer_of
from accounts.signin.limits import require_within
from accounts.signin.tickets import give_ticket
from portal.rest.schema import ProblemBody
from portal.rest.serializers import StrictSerializer
from portal.rest.views import Door

TICKETS_PER_MINUTE = 60


class TicketRequest(StrictSerializer):
    """An empty object, or no body at all."""


class TicketBody(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_at = serializers.DateTimeField()


class TicketsDoor(Door):
    authentication_classes = [WidgetAuthentication]

    @extend_schema(
        operation_id="make_realtime_ticket",
        request=TicketRequest,
        responses={201: TicketBody, 401: ProblemBody, 429: ProblemBody, 503: ProblemBody},
    )
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket within thirty seconds (subprotocol `portal.t.<ticket>`)."""
        TicketRequest(data=request.data).is_valid(raise_exception=True)
        principal = customer_of(request)
        require_within(f"tickets:{principal.customer_id}", at_most=TICKETS_PER_MINUTE, seconds=60)
        ticket = give_ticket(principal, at=timezone.now())
        expires_at = ticket.expires_at.isoformat().replace("+00:00", "Z")
        return Response({"ticket": ticket.text, "expires_at": expires_at}, status=201)
