"""The chat frame's bearer token at the REST doors."""

from typing import cast

from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.signin.queries import WidgetPrincipal, widget_session_of
from portal.rest.problems import NotSignedIn

_SCHEME = "bearer"


def customer_of(request: Request) -> WidgetPrincipal:
    """Whom `WidgetAuthentication` found."""
    return cast("WidgetPrincipal", request.auth)


class WidgetAuthentication(BaseAuthentication):
    """`Authorization: Bearer ws_...`: a customer in the chat frame. `request.auth` is a WidgetPrincipal."""

    def authenticate(self, request: Request) -> tuple[WidgetPrincipal, WidgetPrincipal] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        principal = None
        if scheme.lower() == _SCHEME:
            principal = widget_session_of(token.strip(), timezone.now())
        if principal is None:
            raise NotSignedIn("The session has ended, or was never ours.")
        return principal, principal

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  # the framework's shape
        return "Bearer"


class WidgetScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library registers it
    """How the OpenAPI file says it."""

    target_class = "accounts.signin.authentication.WidgetAuthentication"
    name = "session"

    def get_security_definition(self, auto_schema: object) -> dict[str, object]:  # noqa: ARG002  # the library's shape
        return {"type": "http", "scheme": "bearer"}
