"""The customer's own page: who sees what, and one click that ends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.consent.actions import revoke_consent
from accounts.signin.windows import Window, arrive, customer_window, entered_window
from partners.banks.models import Customer
from partners.banks.windows import in_window
from partners.sharing import overview
from partners.sharing.timeline import Timeline, timeline
from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.problems import BadCursor, NotFound


@csrf_exempt  # the one-time code is the proof; only our own frame's origin may post it
@require_POST
def enter(request: HttpRequest) -> HttpResponseBase:
    """From the chat's frame into this window, by a one-time code."""
    return arrive(request, purpose="sharing", then="sharing")


@require_GET
@never_cache
@customer_window
def sharing(request: HttpRequest) -> HttpResponse:
    """Everyone who may read something, and every time they did."""
    at = timezone.now()
    window = entered_window(request)
    with _block(request) as customer:
        bank = customer.bank
        before = _before(request, window)
        read = timeline(bank, at=at, before=before)
        recipients = [
            each | {"revoke_url": reverse("sharing_end", args=[each["id"]])}
            for each in overview.recipients(bank, at=at)
        ]
        shown: dict[str, Any] = {
            "bank": bank,
            "customer": customer,
            "recipients": recipients,
            "ended": overview.ended(bank, at=at),
            "ticks": read.ticks,
            "older_url": _older_url(read, window),
            # An older page stands still.
            "ticker_url": reverse("sharing_ticker") if before is None else "",
            "newest_url": reverse("sharing") if before is not None else "",
            "link_url": "",
            "reaching_url": reverse("reaching"),
            "records_url": reverse("records"),
        }
        return render(request, "accounts/consent/sharing.html", shown)


@require_GET
@never_cache
@customer_window
def ticker(request: HttpRequest) -> HttpResponse:
    """The newest releases and refusals, as the page fetches them while it is open."""
    with _block(request) as customer:
        ticks = timeline(customer.bank, at=timezone.now()).ticks
        return render(request, "accounts/consent/_ticker.html", {"ticks": ticks})


@require_http_methods(["GET", "POST"])
@never_cache
@customer_window
def end(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """GET says what ending a consent does; POST ends it."""
    at = timezone.now()
    with _block(request) as customer:
        bank = customer.bank
        if request.method == "POST":
            revoke_consent(consent_id=consent_id, at=at, by="customer")
            messages.success(request, _("Ended. Nothing more is read."))
            return redirect("sharing")
        recipient = overview.recipient(bank, consent_id, at=at)
        if recipient is None:
            return redirect("sharing")
        shown = {"bank": bank, "recipient": recipient, "sharing_url": reverse("sharing")}
        return render(request, "accounts/consent/revoke.html", shown)


@contextmanager
def _block(request: HttpRequest) -> Iterator[Customer]:
    """The customer's block; what is not there, or no place on the list, is a page that is not there."""
    try:
        with in_window(request) as customer:
            yield customer
    except (NotFound, BadCursor) as reason:
        raise Http404 from reason


def _before(request: HttpRequest, window: Window) -> tuple[datetime, UUID] | None:
    text = request.GET.get("before")
    if text is None:
        return None
    at, row_id = open_cursor(text, bound_to=_bound_to(window))
    return datetime.fromisoformat(at), UUID(hex=row_id)


def _older_url(read: Timeline, window: Window) -> str:
    if read.following is None:
        return ""
    place = seal_cursor(list(read.following), bound_to=_bound_to(window))
    return f"{reverse('sharing')}?before={place}"


def _bound_to(window: Window) -> str:
    return f"sharing:{window.customer_id}"
