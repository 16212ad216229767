"""Where client programs get their tokens (RFC 6749, sections 4.1.3 and 4.4), and where that is said (RFC 8414)."""

from typing import Any

from django.conf import settings
from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from django.views.decorators.http import require_safe
from oauth2_provider.scopes import get_scopes_backend
from oauth2_provider.views import TokenView

from accounts.clients.rules import GRANT_TYPES
from accounts.signin.limits import require_within
from portal.rest.problems import MethodNotAllowed, TooLarge, TooMany, problem_response

_FORM = "application/x-www-form-urlencoded"
_PER_MINUTE = 60


class TokenDoor(TokenView):  # type: ignore[misc]  # the library has no types
    """`POST /oauth/token`: credentials, or a customer's code, for a token of ten minutes; errors as RFC 6749 has them."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            require_within(f"token:{_caller(request)}", at_most=_PER_MINUTE, seconds=60)
            grant_type = _grant_type(request)
        except TooMany as problem:
            return problem_response(problem)
        except RequestDataTooBig:
            return problem_response(TooLarge())
        except (BadRequest, MultiPartParserError, TooManyFieldsSent, UnicodeDecodeError):
            return _refusal("invalid_request")
        if grant_type is None:
            return _refusal("invalid_request")
        if grant_type not in GRANT_TYPES:
            return _refusal("unsupported_grant_type")
        answered: HttpResponse = super().post(request, *args, **kwargs)
        return answered

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        answered = problem_response(MethodNotAllowed())
        answered["Allow"] = super().http_method_not_allowed(request, *args, **kwargs)["Allow"]
        return answered


@require_safe
def metadata(_request: HttpRequest) -> JsonResponse:
    """Where a program sends a customer, and where it changes their code for a token."""
    said = {
        "issuer": settings.API_ORIGIN,
        "authorization_endpoint": f"{settings.CHAT_ORIGIN}/oauth/authorize",
        "token_endpoint": f"{settings.API_ORIGIN}/oauth/token",
        "scopes_supported": sorted(get_scopes_backend().get_all_scopes()),
        "response_types_supported": ["code"],
        "grant_types_supported": sorted(GRANT_TYPES),
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
        "service_documentation": f"{settings.API_ORIGIN}/api/v1/docs",
    }
    return JsonResponse(said, headers={"Access-Control-Allow-Origin": "*"})


def _grant_type(request: HttpRequest) -> str | None:
    """The one grant type of a plain form; None where the form is not one."""
    if request.content_type != _FORM:
        return None
    given = request.POST
    values = [each for name in given for each in given.getlist(name)]
    # RFC 6749, section 3.2: no parameter twice. The database takes no NUL.
    if len(values) != len(given) or any("\x00" in each for each in values):
        return None
    return given.get("grant_type")


def _refusal(error: str) -> JsonResponse:
    return JsonResponse({"error": error}, status=400, headers={"Cache-Control": "no-store"})


def _caller(request: HttpRequest) -> str:
    return str(request.META.get("REMOTE_ADDR", ""))
