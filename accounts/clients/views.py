"""Where client programs get their tokens (RFC 6749, section 4.4)."""

from typing import Any

from django.core.exceptions import BadRequest, RequestDataTooBig, TooManyFieldsSent
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.multipartparser import MultiPartParserError
from oauth2_provider.views import TokenView

from accounts.clients.rules import GRANT_TYPE
from accounts.signin.limits import require_within
from portal.rest.problems import MethodNotAllowed, TooLarge, TooMany, problem_response

_FORM = "application/x-www-form-urlencoded"
_PER_MINUTE = 60


class TokenDoor(TokenView):  # type: ignore[misc]  # the library has no types
    """`POST /oauth/token`: client_credentials for a token of ten minutes; errors as RFC 6749 has them."""

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
        if grant_type != GRANT_TYPE:
            return _refusal("unsupported_grant_type")
        answered: HttpResponse = super().post(request, *args, **kwargs)
        return answered

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        answered = problem_response(MethodNotAllowed())
        answered["Allow"] = super().http_method_not_allowed(request, *args, **kwargs)["Allow"]
        return answered


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
