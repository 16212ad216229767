"""Where a mail's link arrives, on the chat's own host."""

from urllib.parse import urlsplit
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import translation
from django.utils.cache import patch_vary_headers
from django.utils.translation.trans_real import parse_accept_lang_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from messaging.notices.links import chat_page_of
from partners.banks.models import Bank
from partners.banks.queries import find_bank

# Those in which the chat is whole.
_LANGUAGES = ("en", "it", "es")


@require_safe
@never_cache
def open_alert(request: HttpRequest, slug: str, message_id: UUID) -> HttpResponse:
    """Says where to sign in to see the alert. The same page for every number: it looks nothing up."""
    known = find_bank(slug)
    with translation.override(_language_of(request, known)):
        if known is None:
            return render(request, "messaging/notices/nowhere.html", status=404)
        url = chat_page_of(known, message_id)
        shown = {"bank": known, "url": url, "host": urlsplit(url).netloc}
        response = render(request, "messaging/notices/arrive.html", shown)
    patch_vary_headers(response, ["Accept-Language"])
    return response


def _language_of(request: HttpRequest, bank: Bank | None) -> str:
    """The first of the reader's languages that we speak, else the bank's: who reads, nobody knows here."""
    for language, _weight in parse_accept_lang_header(request.headers.get("Accept-Language", "")):
        if language[:2] in _LANGUAGES:
            return language[:2]
    return "en" if bank is None else bank.locale
