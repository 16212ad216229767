"""What every request passes: its id, its host's doors and cookies, its security headers."""

import re
import time
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.core.exceptions import DisallowedHost
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from opentelemetry.trace import SpanKind
from whitenoise.middleware import WhiteNoiseMiddleware

from portal.telemetry.measures import REQUESTS
from portal.telemetry.traces import span
from portal.tenancy.ids import new_id

GetResponse = Callable[[HttpRequest], HttpResponseBase]
_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_request_id: ContextVar[str] = ContextVar("portal_request_id", default="")

_customer_ip: ContextVar[str] = ContextVar("portal_customer_ip", default="")

# Which list of doors serves which host; the base host has the start page and /.well-known/.
URLCONFS = {"console": "portal.urls.console", "api": "portal.urls.api", "chat": "portal.urls.chat"}


def current_request_id() -> str:
    """The id of the request being served, or the empty string."""
    return _request_id.get()


def current_customer_ip() -> str:
    """From where a customer asks, in a request of theirs to the chat; else the empty string."""
    return _customer_ip.get()


def host_label(request: HttpRequest) -> str:
    """`console`, `api`, `chat`, or the empty string for the base host."""
    host = request.get_host().partition(":")[0].lower()
    return host.removesuffix(settings.PORTAL_BASE_HOST).rstrip(".")


def request_identity(get_response: GetResponse) -> GetResponse:
    """Name each request, with the caller's own id where it is a plain one, and say it back."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        given = request.headers.get("X-Request-Id", "")
        request_id = given if _GIVEN_ID.fullmatch(given) else new_id().hex
        token = _request_id.set(request_id)
        present = _customer_ip.set(_asks_from(request))
        try:
            response = _measured(request, get_response)
        finally:
            _request_id.reset(token)
            _customer_ip.reset(present)
        response["X-Request-Id"] = request_id
        return response

    return middleware


def _asks_from(request: HttpRequest) -> str:
    """Programs ask at another host, and from their own address."""
    try:
        is_chat = host_label(request) == "chat"
    except DisallowedHost:
        return ""
    return str(request.META.get("REMOTE_ADDR", "")) if is_chat else ""


def _measured(request: HttpRequest, get_response: GetResponse) -> HttpResponseBase:
    """The answer, as one step of a trace and one more in the count. A stranger's trace is not taken up."""
    started = time.monotonic()
    with span(str(request.method), kind=SpanKind.SERVER) as step:
        response = get_response(request)
        host, route = _place(request)
        step.update_name(f"{request.method} {host} {route}")
        step.set_attribute("http.response.status_code", response.status_code)
    taken = time.monotonic() - started
    REQUESTS.labels(host, route, request.method, str(response.status_code)).observe(taken)
    return response


def _place(request: HttpRequest) -> tuple[str, str]:
    """Which host and route, in words of which there are few: what nobody serves is one of them."""
    if request.path.startswith(settings.STATIC_URL):
        return "any", settings.STATIC_URL
    found = request.resolver_match
    known = host_label(request) if found else ""
    return known or "base", f"/{found.route}" if found else "none"


def route_by_host(get_response: GetResponse) -> GetResponse:
    """Give each host its own doors; an unknown host is refused by ALLOWED_HOSTS before any."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        label = host_label(request)
        if label in URLCONFS:
            request.urlconf = URLCONFS[label]
        return get_response(request)

    return middleware


def security_headers(get_response: GetResponse) -> GetResponse:
    """Scripts and styles from ourselves alone; framed by nobody unless the page says by whom."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if "Content-Security-Policy" not in response:
            ancestors = getattr(response, "frame_ancestors", settings.FRAME_ANCESTORS)
            # Where a form of the page may lead, redirects included: browsers check those too.
            forms = getattr(response, "form_action", "'self'")
            response["Content-Security-Policy"] = (
                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
                " font-src 'self'; connect-src 'self'; frame-src 'self'; manifest-src 'self';"
                f" form-action {forms}; base-uri 'none'; frame-ancestors {ancestors}"
            )
        response.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
        response.setdefault("Cross-Origin-Opener-Policy", "same-origin")
        return response

    return middleware


class StaticFiles(WhiteNoiseMiddleware):  # type: ignore[misc]  # it has no types
    """whitenoise, but whole: Django warns of files that it has to read in one go to send them asynchronously."""

    @staticmethod
    def serve(static_file: Any, request: HttpRequest) -> HttpResponse:
        found = WhiteNoiseMiddleware.serve(static_file, request)
        whole = HttpResponse(b"".join(found), status=found.status_code, headers=found.headers)
        found.close()
        if "Content-Type" not in found.headers:
            del whole.headers["Content-Type"]
        return whole


class HostSessionMiddleware(SessionMiddleware):
    """One session cookie a host, each with its own name: signing in as staff signs out no customer."""

    def process_request(self, request: HttpRequest) -> None:
        name = session_cookie(request)
        request.session = self.SessionStore(request.COOKIES.get(name))

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        ours, theirs = session_cookie(request), settings.SESSION_COOKIE_NAME
        # Django's own middleware knows one name alone; it works under that one, and we rename.
        if ours in request.COOKIES:
            request.COOKIES[theirs] = request.COOKIES[ours]
        answered: HttpResponse = super().process_response(request, response)
        if theirs in answered.cookies:
            morsel = answered.cookies.pop(theirs)
            answered.cookies[ours] = morsel.value
            for key, value in morsel.items():
                answered.cookies[ours][key] = value
        return answered


def session_cookie(request: HttpRequest) -> str:
    return f"{host_label(request) or 'portal'}_session"


class HostCsrfMiddleware(CsrfViewMiddleware):
    """Django's CSRF check; the bearer-token host has no cookies, and so no use for it."""

    def process_view(self, request: HttpRequest, callback, callback_args, callback_kwargs):  # type: ignore[no-untyped-def]
        if host_label(request) == "api":
            return None
        return super().process_view(request, callback, callback_args, callback_kwargs)
