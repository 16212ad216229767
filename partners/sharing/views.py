"""The customer's own page: who sees what, and one click that ends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.consent.actions import revoke_consent
from accounts.signin.actions import WindowCodeRefused
from accounts.signin.windows import Window, customer_window, enter_by_code, window_ended
from partners.banks.models import Bank, Customer
from partners.sharing import overview
from partners.sharing.timeline import Timeline, timeline
from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.problems import BadCursor, NotFound
from portal.tenancy.blocks import NotServed, serving_customer

PURPOSE = "sharing"


@csrf_exempt  # the one-time code is the proof; only our own frame's origin may post it
@require_POST
def enter(request: HttpRequest) -> HttpResponseBase:
    """From the chat's frame into this window, by a one-time code."""
    try:
        enter_by_code(request, purpose=PURPOSE)
    except WindowCodeRefused:
        return window_ended(request)
    return redirect("sharing")


@require_GET
@never_cache
@customer_window
def sharing(request: HttpRequest) -> HttpResponse:
    """Everyone who may read something, and every time they did."""
    at = timezone.now()
    window = _window(request)
    with _block(window) as bank:
        before = _before(request, window)
        read = timeline(bank, at=at, before=before)
        recipients = [
            each | {"revoke_url": reverse("sharing_end", args=[each["id"]])}
            for each in overview.recipients(bank, at=at)
        ]
        shown: dict[str, Any] = {
            "bank": bank,
            "customer": Customer.objects.get(),
            "recipients": recipients,
            "ended": overview.ended(bank, at=at),
            "ticks": read.ticks,
            "older_url": _older_url(read, window),
            # An older page stands still.
            "ticker_url": reverse("sharing_ticker") if before is None else "",
            "newest_url": reverse("sharing") if before is not None else "",
            "link_url": "",
            "reaching_url": reverse("reaching"),
        }
        return render(request, "accounts/consent/sharing.html", shown)


@require_GET
@never_cache
@customer_window
def ticker(request: HttpRequest) -> HttpResponse:
    """The newest releases and refusals, as the page fetches them while it is open."""
    with _block(_window(request)) as bank:
        ticks = timeline(bank, at=timezone.now()).ticks
        return render(request, "accounts/consent/_ticker.html", {"ticks": ticks})


@require_http_methods(["GET", "POST"])
@never_cache
@customer_window
def end(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """GET says what ending a consent does; POST ends it."""
    at = timezone.now()
    with _block(_window(request)) as bank:
        if request.method == "POST":
            revoke_consent(consent_id=consent_id, at=at, by="customer")
            messages.success(request, _("Ended. Nothing more is read."))
            return redirect("sharing")
        recipient = overview.recipient(bank, consent_id, at=at)
        if recipient is None:
            return redirect("sharing")
        shown = {"bank": bank, "recipient": recipient, "sharing_url": reverse("sharing")}
        return render(request, "accounts/consent/revoke.html", shown)


def _window(request: HttpRequest) -> Window:
    window: Window = request.window  # type: ignore[attr-defined]  # customer_window puts it there
    return window


@contextmanager
def _block(window: Window) -> Iterator[Bank]:
    """One transaction with the customer's own reach, in their language, on their bank's clock."""
    try:
        with serving_customer(window.bank_id, window.customer_id):
            bank = overview.bank_of_window()
            locale = Customer.objects.get().locale or bank.locale or "en"
            zone = timezone.override(ZoneInfo(bank.time_zone))
            with translation.override(locale), zone:
                yield bank
    except (NotServed, NotFound, BadCursor) as reason:
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
