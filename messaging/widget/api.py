"""The chat frame's way in, and its way out into top-level windows."""

import base64
from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from accounts.signin.actions import WindowPass, make_window_code, same_window_code
from accounts.signin.authentication import WidgetAuthentication, customer_of
from accounts.signin.limits import require_within
from accounts.signin.models import WindowCode
from messaging.widget.actions import Welcome, check_assertion, welcome
from partners.banks.queries import find_bank
from portal.rest.idempotency import Done, once, scope_of
from portal.rest.permissions import Anybody
from portal.rest.problems import NotFound, Problem
from portal.rest.schema import IDEMPOTENCY_KEY, ProblemBody
from portal.rest.serializers import StrictSerializer
from portal.rest.views import Door
from portal.secrets.keys import lent_key
from portal.tenancy.blocks import serving_customer

PER_MINUTE = 60
SESSIONS_PER_ADDRESS = 120
SESSIONS_PER_BANK = 6000
WINDOWS_PER_CUSTOMER = 20
_ORIGIN = OpenApiParameter(
    "Origin",
    str,
    OpenApiParameter.HEADER,
    required=True,
    description="The chat's own, and no other.",
)
# Where a window of each purpose is entered, by posting the code.
START_PATHS = {
    WindowCode.Purpose.LINK: "/link/",
    WindowCode.Purpose.SHARING: "/sharing/enter",
    WindowCode.Purpose.REACHING: "/reaching/enter",
}


class WrongOrigin(Problem):
    slug = "wrong-origin"
    title = "This may be asked from the chat's own pages alone"
    status = 403


class SessionRequest(StrictSerializer):
    bank = serializers.SlugField(max_length=40)
    assertion = serializers.CharField(max_length=4096)


class CustomerBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    display_name = serializers.CharField()


class BankBody(serializers.Serializer[Any]):
    slug = serializers.CharField()
    name = serializers.CharField()
    locale = serializers.CharField()
    phone = serializers.CharField()
    time_zone = serializers.CharField(
        help_text="The bank's own clock, which every time is shown on."
    )
    shares = serializers.BooleanField(help_text="False: nothing of this bank is ever shown here.")


class SessionBody(serializers.Serializer[Any]):
    token = serializers.CharField()
    expires_at = serializers.DateTimeField()
    customer = CustomerBody()
    bank = BankBody()
    conversation_id = serializers.UUIDField()
    streams = serializers.ListField(child=serializers.CharField())
    linked = serializers.BooleanField()
    draft_key = serializers.CharField(
        help_text="Base64url of 32 bytes: the frame seals with it what the host page keeps for it."
    )


class WindowBody(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    start_url = serializers.URLField()
    code = serializers.CharField()
    expires_at = serializers.DateTimeField()


_WINDOW_ANSWERS = {201: WindowBody, **dict.fromkeys((401, 404, 409, 422, 429), ProblemBody)}


class Nothing(StrictSerializer):
    """An empty object."""


class WindowRequest(StrictSerializer):
    purpose = serializers.ChoiceField(choices=WindowCode.Purpose.choices)


class SessionsDoor(Door):
    """Changes a bank's signed assertion on its customer for a bearer token of ten minutes."""

    permission_classes = [Anybody]
    authentication_classes: list[Any] = []

    @extend_schema(
        operation_id="open_widget_session",
        request=SessionRequest,
        parameters=[_ORIGIN],
        responses={
            201: SessionBody,
            **dict.fromkeys((401, 403, 404, 429, 503), ProblemBody),
        },
        auth=[],
    )
    def post(self, request: Request) -> Response:
        if request.headers.get("Origin") != settings.CHAT_ORIGIN:
            raise WrongOrigin
        asked = SessionRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        slug = asked.validated_data["bank"]
        _limit_sessions(request.META.get("REMOTE_ADDR", ""), slug)
        bank = find_bank(slug)
        if bank is None:
            raise NotFound("No bank of that name offers its chat here.")
        at = timezone.now()
        assertion = check_assertion(bank, asked.validated_data["assertion"], at=at)
        return Response(_session_body(welcome(bank, assertion, at=at)), status=201)


class WindowDoor(Door):
    """Gives a one-time code for a top-level window."""

    authentication_classes = [WidgetAuthentication]

    def give(self, request: Request, purpose: str, body: Any) -> Response:
        principal = customer_of(request)
        at = timezone.now()
        scope = scope_of(request, principal=principal.name)
        require_within(
            f"windows:{principal.customer_id}",
            at_most=WINDOWS_PER_CUSTOMER,
            seconds=PER_MINUTE,
        )

        def act() -> Done:
            made = make_window_code(customer_id=principal.customer_id, purpose=purpose, at=at)
            return Done(201, {"window_code_id": str(made.id)})

        with serving_customer(principal.bank_id, principal.customer_id):
            done = once(scope, body, at=at, act=act)
            made = same_window_code(UUID(done.result["window_code_id"]))
        return Response(_window_body(made, purpose), status=done.status)


class LinksDoor(WindowDoor):
    @extend_schema(
        operation_id="start_link",
        request=Nothing,
        parameters=[IDEMPOTENCY_KEY],
        responses=_WINDOW_ANSWERS,
    )
    def post(self, request: Request) -> Response:
        """A window in which accounts are linked."""
        Nothing(data=request.data).is_valid(raise_exception=True)
        return self.give(request, WindowCode.Purpose.LINK, {})


class WindowsDoor(WindowDoor):
    @extend_schema(
        operation_id="open_window",
        request=WindowRequest,
        parameters=[IDEMPOTENCY_KEY],
        responses=_WINDOW_ANSWERS,
    )
    def post(self, request: Request) -> Response:
        """A window of the named purpose, such as "Who sees what"."""
        asked = WindowRequest(data=request.data)
        asked.is_valid(raise_exception=True)
        return self.give(request, asked.validated_data["purpose"], asked.validated_data)


def _limit_sessions(address: str, slug: str) -> None:
    require_within(f"sessions:address:{address}", at_most=SESSIONS_PER_ADDRESS, seconds=PER_MINUTE)
    require_within(f"sessions:bank:{slug}", at_most=SESSIONS_PER_BANK, seconds=PER_MINUTE)


def _session_body(given: Welcome) -> dict[str, Any]:
    customer, bank = given.customer, given.bank
    return {
        "token": given.opened.token,
        "expires_at": _instant(given.opened.session.expires_at),
        "customer": {"id": str(customer.id), "display_name": customer.display_name},
        "bank": {
            "slug": bank.slug,
            "name": bank.name,
            "locale": customer.locale or bank.locale,
            "phone": bank.phone,
            "time_zone": bank.time_zone,
            "shares": given.shares,
        },
        "conversation_id": str(given.conversation.id),
        "streams": given.streams,
        "linked": given.linked,
        "draft_key": _draft_key(bank.id, customer.id),
    }


def _draft_key(bank_id: UUID, customer_id: UUID) -> str:
    key = lent_key(bank_id=bank_id, column="widget.draft", row_id=customer_id)
    return base64.urlsafe_b64encode(key).decode().rstrip("=")


def _window_body(made: WindowPass, purpose: str) -> dict[str, Any]:
    return {
        "id": str(made.id),
        "start_url": settings.CHAT_ORIGIN + START_PATHS[WindowCode.Purpose(purpose)],
        "code": made.code,
        "expires_at": _instant(made.expires_at),
    }


def _instant(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
