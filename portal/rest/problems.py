"""Refusals as problem details (RFC 9457): one class a type, one handler that answers them all."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, JsonResponse
from django.views import defaults
from rest_framework import exceptions
from rest_framework.response import Response

logger = logging.getLogger(__name__)

MEDIA_TYPE = "application/problem+json"
# It is not there, breaks off, or all its connections are taken.
DATABASE_AWAY = (OperationalError, InterfaceError)
Errors = Sequence[Mapping[str, str]]


class Problem(Exception):  # the standard's word
    """A refusal that the caller can understand: `slug` names its type in docs/problems.md."""

    slug: ClassVar[str] = "refused"
    title: ClassVar[str] = "The request was refused"
    status: ClassVar[int] = 400

    def __init__(
        self,
        detail: str = "",
        *,
        errors: Errors = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail
        self.errors = errors
        self.headers = dict(headers or {})


class Invalid(Problem):
    slug = "invalid-request"
    title = "The request is not valid"
    status = 400


class Malformed(Problem):
    slug = "malformed-body"
    title = "The body is not JSON of the documented form"
    status = 400


class BadCursor(Problem):
    slug = "bad-cursor"
    title = "The cursor is not one of ours, or no longer valid"
    status = 400


class NotSignedIn(Problem):
    slug = "not-signed-in"
    title = "A valid bearer token is needed"
    status = 401

    def __init__(self, detail: str = "", **rest: Any) -> None:
        super().__init__(detail, **rest)
        self.headers.setdefault("WWW-Authenticate", 'Bearer error="invalid_token"')


class NotAllowed(Problem):
    slug = "not-allowed"
    title = "You may not do this"
    status = 403


class NotFound(Problem):
    """Also the answer for what belongs to somebody else: it says nothing of what exists."""

    slug = "not-found"
    title = "There is no such thing here"
    status = 404


class MethodNotAllowed(Problem):
    slug = "method-not-allowed"
    title = "This address does not take that method"
    status = 405


class NotAcceptable(Problem):
    slug = "not-acceptable"
    title = "We answer in JSON alone"
    status = 406


class Conflict(Problem):
    slug = "conflict"
    title = "This does not fit the present state"
    status = 409


class TooLarge(Problem):
    slug = "too-large"
    title = "The body is larger than we take"
    status = 413


class UnsupportedMediaType(Problem):
    slug = "unsupported-media-type"
    title = "This address does not take that content type"
    status = 415


class TooMany(Problem):
    """Too many requests; `retry_after` in whole seconds is said in the Retry-After header."""

    slug = "too-many-requests"
    title = "Too many requests"
    status = 429

    def __init__(self, detail: str = "", *, retry_after: int = 1, **rest: Any) -> None:
        super().__init__(detail, **rest)
        self.headers["Retry-After"] = str(max(1, retry_after))


class InternalError(Problem):
    slug = "internal-error"
    title = "Something went wrong on our side"
    status = 500


class Unavailable(Problem):
    """A part of ours is away, or has no room just now; in how many seconds to ask again is in Retry-After."""

    slug = "unavailable"
    title = "This cannot be answered just now"
    status = 503

    def __init__(self, detail: str = "", **rest: Any) -> None:
        super().__init__(detail, **rest)
        self.headers.setdefault("Retry-After", "2")


def problem_body(problem: Problem) -> dict[str, Any]:
    """The JSON object of RFC 9457, section 3; `errors` as its appendix shows."""
    body: dict[str, Any] = {
        "type": f"{settings.PORTAL_ORIGIN}/problems/{problem.slug}",
        "title": problem.title,
        "status": problem.status,
    }
    if problem.detail:
        body["detail"] = problem.detail
    if problem.errors:
        body["errors"] = [dict(each) for each in problem.errors]
    return body


def problem_response(problem: Problem) -> JsonResponse:
    """The problem as a plain Django answer, for doors that are not the API's."""
    return JsonResponse(
        problem_body(problem),
        status=problem.status,
        content_type=MEDIA_TYPE,
        headers=problem.headers,
    )


def answer_problem(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """The API's one exception handler: ours, the framework's, and what nobody foresaw."""
    problem = as_problem(error)
    path = getattr(context.get("request"), "path", "?")
    if problem is None:
        problem = InternalError()
        logger.error("unforeseen at %s", path, exc_info=error)
    if isinstance(error, DATABASE_AWAY):
        note_database_away(error, path)
    return Response(
        problem_body(problem),
        status=problem.status,
        headers=problem.headers,
        content_type=MEDIA_TYPE,
    )


def note_database_away(error: Exception, path: str) -> None:
    """A line without its stack: there are many of them when it happens."""
    reason = type(error.__cause__ or error).__name__
    logger.warning("database away at %s: %s", path, reason)


def as_problem(error: Exception) -> Problem | None:
    """The problem that an exception of ours or of the framework's stands for, or None."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, exceptions.ValidationError):
        return Invalid(errors=list(_pointers(error.detail)))
    if isinstance(error, exceptions.Throttled):
        return TooMany(retry_after=int(getattr(error, "wait", None) or 1))
    for kinds, problem in _FRAMEWORKS:
        if isinstance(error, kinds):
            return problem()
    return None


_FRAMEWORKS: tuple[tuple[type[Exception] | tuple[type[Exception], ...], type[Problem]], ...] = (
    (exceptions.ParseError, Malformed),
    ((exceptions.NotAuthenticated, exceptions.AuthenticationFailed), NotSignedIn),
    ((exceptions.PermissionDenied, PermissionDenied), NotAllowed),
    ((exceptions.NotFound, Http404), NotFound),
    (exceptions.MethodNotAllowed, MethodNotAllowed),
    (exceptions.NotAcceptable, NotAcceptable),
    (exceptions.UnsupportedMediaType, UnsupportedMediaType),
    (RequestDataTooBig, TooLarge),
    (DATABASE_AWAY, Unavailable),
)


def _pointers(detail: Any, path: str = "") -> Sequence[dict[str, str]]:
    """Serializer errors as JSON pointers (RFC 6901) with a sentence each."""
    if isinstance(detail, Mapping):
        parts = [
            ("" if key == "non_field_errors" else f"/{_escaped(key)}", each)
            for key, each in detail.items()
        ]
        return [found for step, each in parts for found in _pointers(each, path + step)]
    if isinstance(detail, list) and any(isinstance(each, Mapping) for each in detail):
        steps = enumerate(detail)
        return [found for n, each in steps for found in _pointers(each, f"{path}/{n}")]
    if isinstance(detail, list):
        return [{"pointer": f"#{path}", "detail": str(each)} for each in detail]
    return [{"pointer": f"#{path}", "detail": str(detail)}]


def _escaped(name: Any) -> str:
    return str(name).replace("~", "~0").replace("/", "~1")


def page_not_found(request: HttpRequest, exception: Exception) -> Any:  # noqa: ARG001  # Django's shape
    """404 for a host that speaks JSON alone."""
    return problem_response(NotFound())


def server_error(request: HttpRequest) -> Any:  # noqa: ARG001  # Django's shape
    """500 for a host that speaks JSON alone."""
    return problem_response(InternalError())


def bad_request(request: HttpRequest, exception: Exception) -> Any:  # noqa: ARG001  # Django's shape
    """400 for a host that speaks JSON alone."""
    return problem_response(Invalid())


def api_or_page_not_found(request: HttpRequest, exception: Exception) -> Any:
    """404 for a host that has pages, and the API beside them."""
    speaks = page_not_found if _is_of_api(request) else defaults.page_not_found
    return speaks(request, exception)


def api_or_page_error(request: HttpRequest) -> Any:
    """500 for a host that has pages, and the API beside them."""
    return server_error(request) if _is_of_api(request) else defaults.server_error(request)


def api_or_page_bad_request(request: HttpRequest, exception: Exception) -> Any:
    """400 for a host that has pages, and the API beside them."""
    speaks = bad_request if _is_of_api(request) else defaults.bad_request
    return speaks(request, exception)


def _is_of_api(request: HttpRequest) -> bool:
    return request.path.startswith("/api/")
