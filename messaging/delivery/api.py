"""Tickets: how a bearer token opens a socket."""

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.clients.authentication import ClientAuthentication, client_of
from accounts.clients.limits import CountedDoor
from accounts.signin.authentication import WidgetAuthentication, customer_of
from accounts.signin.limits import require_within
from accounts.signin.tickets import Ticket
from messaging.delivery.seats import customer_ticket, program_ticket
from portal.rest.schema import ProblemBody
from portal.rest.serializers import StrictSerializer
from portal.rest.views import Door

TICKETS_PER_MINUTE = 60


class TicketRequest(StrictSerializer):
    """An empty object, or no body at all."""


class TicketBody(serializers.Serializer[Any]):
    ticket = serializers.CharField()
    expires_at = serializers.DateTimeField()


_documented = extend_schema(
    operation_id="make_realtime_ticket",
    request=TicketRequest,
    responses={
        201: TicketBody,
        **dict.fromkeys((400, 401, 413, 415, 429, 503), ProblemBody),
    },
)


class CustomerTicketsDoor(Door):
    authentication_classes = [WidgetAuthentication]

    @_documented
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket within thirty seconds (subprotocol `portal.t.<ticket>`)."""
        _require_nothing(request)
        principal = customer_of(request)
        require_within(f"tickets:{principal.customer_id}", at_most=TICKETS_PER_MINUTE, seconds=60)
        return _answer(customer_ticket(principal))


class ProgramTicketsDoor(CountedDoor):
    authentication_classes = [ClientAuthentication]

    @_documented
    def post(self, request: Request) -> Response:
        """A ticket that opens one socket within thirty seconds (subprotocol `portal.t.<ticket>`).

        The socket lives as long as the token that the ticket was asked for with.
        """
        _require_nothing(request)
        principal = client_of(request)
        require_within(f"tickets:{principal.name}", at_most=TICKETS_PER_MINUTE, seconds=60)
        return _answer(program_ticket(principal))


def _require_nothing(request: Request) -> None:
    TicketRequest(data=request.data).is_valid(raise_exception=True)


def _answer(ticket: Ticket) -> Response:
    expires_at = ticket.expires_at.isoformat().replace("+00:00", "Z")
    return Response({"ticket": ticket.text, "expires_at": expires_at}, status=201)
