"""The loader that a bank's page runs, and the frame that it opens."""

import logging
import re
from collections.abc import Iterable

import orjson
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.views.decorators.http import condition, require_safe

from messaging.widget.build import NotBuilt, built_name, built_text
from partners.banks.models import Bank
from partners.banks.queries import find_bank

logger = logging.getLogger(__name__)

_ORIGIN = re.compile(r"https?://[A-Za-z0-9.-]+(:\d{1,5})?")
_LOCALE = re.compile(r"[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*")
_LOADER_AGE_SECONDS = 300
_NOBODY = "'none'"
# The languages that the chat's own words are in: messaging/widget/app/words.
_SPOKEN = frozenset({"en", "es", "it"})


def _loader_tag(_request: HttpRequest) -> str | None:
    try:
        return f'"{built_name("loader.js")}"'
    except NotBuilt:
        return None


@require_safe
@condition(etag_func=_loader_tag)
def loader(_request: HttpRequest) -> HttpResponse:
    """The small script for a bank's own pages; any site may load it, it holds nothing."""
    try:
        script = built_text("loader.js")
    except NotBuilt:
        logger.warning("the chat's loader has not been built")
        return HttpResponse("", status=503, content_type="text/javascript")
    response = HttpResponse(script, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = f"public, max-age={_LOADER_AGE_SECONDS}"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
def frame(request: HttpRequest) -> HttpResponse:
    """The chat itself, for the pages of one bank to frame; no page of others may."""
    bank = find_bank(request.GET.get("bank", "")[:40])
    if bank is None:
        return _calm(request, status=404)
    with translation.override(_locale_of(request, bank)):
        try:
            return _chat(request, bank)
        except NotBuilt:
            logger.warning("the chat's app has not been built")
            return _framed(_calm(request, status=503), bank)


def _chat(request: HttpRequest, bank: Bank) -> HttpResponse:
    locale = _locale_of(request, bank)
    language = _language_of(locale)
    page = render(
        request,
        "messaging/widget/frame.html",
        {
            "bank": bank,
            "locale": locale,
            "language": language,
            "words": f"widget/build/{built_name(f'words-{language}.js')}",
            "parent_origins": orjson.dumps(origins_of(bank)).decode(),
            "socket": f"{_socket_origin()}/v1/ws",
            "script": f"widget/build/{built_name('app.js')}",
            "sheet": f"widget/build/{built_name('app.css')}",
        },
    )
    return _framed(page, bank)


def _calm(request: HttpRequest, *, status: int) -> HttpResponse:
    page = render(request, "messaging/widget/unavailable.html", status=status)
    page["Cache-Control"] = "no-store"
    # It holds nothing and does nothing: whoever frames a bank's chat may show that there is none.
    page.frame_ancestors = "*"  # type: ignore[attr-defined]  # read by portal.middleware
    return page


def _framed(page: HttpResponse, bank: Bank) -> HttpResponse:
    page["Content-Security-Policy"] = content_policy(origins_of(bank))
    page["Cache-Control"] = "no-store"
    # Not no-referrer: the browser would say `Origin: null` of the form that opens our own windows.
    page["Referrer-Policy"] = "same-origin"
    patch_vary_headers(page, ["Accept-Language"])
    return page


def origins_of(bank: Bank) -> list[str]:
    """The exact origins that may frame the bank's chat; what is not a plain origin is passed over."""
    return [
        each for each in bank.frame_origins if isinstance(each, str) and _ORIGIN.fullmatch(each)
    ]


def content_policy(ancestors: Iterable[str]) -> str:
    """The frame's Content-Security-Policy (Level 3): ourselves, our socket, and the bank's pages around it."""
    return (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        f" font-src 'self'; connect-src 'self' {_socket_origin()}; form-action 'self';"
        f" base-uri 'none'; frame-ancestors {' '.join(ancestors) or _NOBODY}"
    )


def _socket_origin() -> str:
    return settings.CHAT_ORIGIN.replace("http", "ws", 1)


def _locale_of(request: HttpRequest, bank: Bank) -> str:
    asked = request.GET.get("locale", "")
    return asked if len(asked) <= 12 and _LOCALE.fullmatch(asked) else bank.locale  # noqa: PLR2004  # as the column


def _language_of(locale: str) -> str:
    language = locale.replace("_", "-").partition("-")[0].lower()
    return language if language in _SPOKEN else "en"
