"""A client program's bearer token at the REST doors."""

from typing import cast

from django.conf import settings
from django.utils import timezone
from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.request import Request

from accounts.clients.queries import ClientPrincipal, client_of_token
from portal.rest.problems import NotSignedIn

_SCHEME = "bearer"


def client_of(request: Request) -> ClientPrincipal:
    """Which client `ClientAuthentication` found."""
    return cast("ClientPrincipal", request.auth)


class ClientAuthentication(BaseAuthentication):
    """`Authorization: Bearer <token>` from `POST /oauth/token`. `request.auth` is a ClientPrincipal."""

    def authenticate(self, request: Request) -> tuple[ClientPrincipal, ClientPrincipal] | None:
        scheme, _space, token = request.headers.get("Authorization", "").partition(" ")
        if not scheme:
            return None
        principal = None
        if scheme.lower() == _SCHEME:
            principal = client_of_token(token.strip(), timezone.now())
        if principal is None:
            raise NotSignedIn("The token has expired, or was never ours.")
        return principal, principal

    def authenticate_header(self, request: Request) -> str:  # noqa: ARG002  # the framework's shape
        return "Bearer"


class ClientScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]  # the library registers it
    """How the OpenAPI file says it."""

    target_class = "accounts.clients.authentication.ClientAuthentication"
    name = "client"

    def get_security_definition(self, auto_schema: object) -> dict[str, object]:  # noqa: ARG002  # the library's shape
        flow = {
            "tokenUrl": "/oauth/token",
            "scopes": {"balances": "Balances", "transactions": "Transactions"},
        }
        code = flow | {"authorizationUrl": f"{settings.CHAT_ORIGIN}/oauth/authorize"}
        return {
            "type": "oauth2",
            "flows": {"clientCredentials": flow, "authorizationCode": code},
        }
