"""The customer's own page: who sees what, and one click that ends it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any
from uuid import UUID

import orjson
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.disclosure.checking import check_customer
from accounts.disclosure.exporting import MEDIA_TYPE, customer_lines, in_lines, wanted_sizes
from accounts.disclosure.queries import is_tampered
from accounts.disclosure.words import check_words
from accounts.signin.windows import Window, arrive, customer_window, entered_window
from partners.banks.models import Bank, Customer
from partners.banks.windows import in_window
from partners.connections.rules import DAYS
from partners.sharing import overview
from partners.sharing.actions import change_sharing, end_sharing
from partners.sharing.consent_pdf import receipt_pdf
from partners.sharing.consent_receipts import consent_receipt, signed_receipt
from partners.sharing.coverage import accounts_read, is_any_read_just_now
from partners.sharing.forms import ChangeForm
from partners.sharing.timeline import Timeline, timeline
from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.problems import BadCursor, NotFound
from portal.rest.streaming import streamed
from portal.tenancy.blocks import serving, serving_customer


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
            each
            | {
                "revoke_url": reverse("sharing_end", args=[each["id"]]),
                "change_url": reverse("sharing_change", args=[each["id"]]),
            }
            for each in overview.recipients(bank, at=at)
        ]
        shown: dict[str, Any] = {
            "bank": bank,
            "customer": customer,
            "recipients": recipients,
            "ended": overview.ended(bank, at=at),
            "objected": overview.objected(at=at),
            **_accounts_read(bank, at),
            "ticks": read.ticks,
            "older_url": _older_url(read, window),
            # An older page stands still.
            "ticker_url": reverse("sharing_ticker") if before is None else "",
            "newest_url": reverse("sharing") if before is not None else "",
            "link_url": "",
            "reaching_url": reverse("reaching"),
            "records_url": reverse("records"),
            **check_context(request),
        }
        return render(request, "accounts/consent/sharing.html", shown)


def _accounts_read(bank: Bank, at: datetime) -> dict[str, Any]:
    rows = accounts_read(bank, at=at)
    is_live = is_any_read_just_now(rows)
    return {"read": rows, "read_url": reverse("sharing_accounts") if is_live else ""}


@require_GET
@never_cache
@customer_window
def accounts(request: HttpRequest) -> HttpResponse:
    """How far the customer's accounts are read, as the page fetches it while one is."""
    with _block(request) as customer:
        shown = _accounts_read(customer.bank, timezone.now())
        return render(request, "accounts/consent/_accounts_read.html", shown)


@require_GET
@never_cache
@customer_window
def ticker(request: HttpRequest) -> HttpResponse:
    """The newest releases and refusals, as the page fetches them while it is open."""
    with _block(request) as customer:
        ticks = timeline(customer.bank, at=timezone.now()).ticks
        return render(request, "accounts/consent/_ticker.html", {"ticks": ticks})


@require_GET
@never_cache
@customer_window
def check(request: HttpRequest) -> HttpResponse:
    """Whether the customer's records are in the chain as they were sealed: a second of looking at a time."""
    window = entered_window(request)
    bound_to = f"sharing-check:{window.customer_id}"
    with _block(request) as customer:
        text = request.GET.get("from")
        standing = None if text is None else open_cursor(text, bound_to=bound_to)
        pseudonym = customer.pseudonym
    checked = check_customer(
        window.bank_id,
        lambda: serving_customer(window.bank_id, window.customer_id),
        pseudonym,
        at=timezone.now(),
        standing=standing,
    )
    place = "" if checked.is_over else seal_cursor(checked.standing, bound_to=bound_to)
    next_url = f"{reverse('sharing_check')}?from={place}"
    with _block(request) as customer:
        shown = check_context(request) | {"check": check_words(checked, next_url=next_url)}
        if request.htmx:  # type: ignore[attr-defined]  # its middleware's
            return render(request, "accounts/disclosure/_check.html", shown)
        shown |= {"bank": customer.bank, "sharing_url": reverse("sharing")}
        return render(request, "accounts/disclosure/check_window.html", shown)


def check_context(request: HttpRequest) -> dict[str, Any]:
    """What `_check.html` needs beside what was found."""
    bank_id = entered_window(request).bank_id
    return {
        "check": None,
        "check_url": reverse("sharing_check"),
        "export_url": reverse("sharing_export"),
        "tamper_url": "/start/tamper" if settings.TAMPERING else "",
        "tampered": settings.TAMPERING and is_tampered(bank_id),
    }


@require_GET
@never_cache
@customer_window
def export(request: HttpRequest) -> HttpResponseBase:
    """The customer's own part of the log as a file that `verify.py` checks, streamed."""
    at = timezone.now()
    window = entered_window(request)
    with _block(request) as customer:
        pseudonym, slug = customer.pseudonym, customer.bank.slug
    lines = customer_lines(
        window.bank_id,
        lambda: serving_customer(window.bank_id, window.customer_id),
        pseudonym,
        at=at,
        sizes=wanted_sizes(request.GET.get("sizes", "")),
    )
    name = f"{slug}-who-saw-what-{at:%Y-%m-%d}.jsonl"
    return streamed(request, in_lines(lines), name=name, content_type=MEDIA_TYPE)


@require_http_methods(["GET", "POST"])
@never_cache
@customer_window
def end(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """GET says what ending a consent does; POST ends it."""
    at = timezone.now()
    with _block(request) as customer:
        bank = customer.bank
        if request.method == "POST":
            if end_sharing(consent_id=consent_id, at=at):
                messages.info(request, _("It ended for whoever holds an account with you, too."))
            messages.success(request, _("Ended. Nothing more is read."))
            return redirect("sharing")
        recipient = overview.recipient(bank, consent_id, at=at)
        if recipient is None:
            return redirect("sharing")
        shown = {"bank": bank, "recipient": recipient, "sharing_url": reverse("sharing")}
        return render(request, "accounts/consent/revoke.html", shown)


@require_http_methods(["GET", "POST"])
@never_cache
@customer_window
def change(request: HttpRequest, consent_id: UUID) -> HttpResponse:
    """Switch accounts and feeds of a consent off, or move its end: first what it does, then it is done."""
    at = timezone.now()
    with _block(request) as customer:
        changeable = overview.changeable(customer.bank, consent_id, at=at)
        if changeable is None:
            return redirect("sharing")
        form = ChangeForm(request.POST or None, named=changeable.named)
        if not form.is_valid():
            shown = overview.choices(changeable, form.data) | {
                "errors": form.sentences() if form.is_bound else [],
                "ends": DAYS,
            }
            status = 400 if form.is_bound else 200
            return render(request, "accounts/consent/change.html", shown, status=status)
        expires_at = form.expires_at(changeable.expires_at, at=at)
        if form.cleaned_data["sure"]:
            if change_sharing(
                consent_id=consent_id, kept=form.kept(), expires_at=expires_at, at=at
            ):
                messages.info(request, _("It ended for whoever holds an account with you, too."))
            messages.success(request, _("Changed. It holds from now on."))
            return redirect("sharing")
        shown = overview.effect(changeable, form.kept(), expires_at)
        return render(request, "accounts/consent/change_effect.html", shown | {"form": form})


@require_GET
@never_cache
@customer_window
def receipt(request: HttpRequest, consent_id: UUID, form: str) -> HttpResponse:
    """The signed receipt of a consent, as `json` or `pdf`, to keep."""
    with _block(request) as customer:
        bank = customer.bank
        said = consent_receipt(consent_id, customer=customer)
    with serving(bank.id):
        signed = signed_receipt(said, at=timezone.now())
    if form == "pdf":
        kept = receipt_pdf(signed, time_zone=bank.time_zone)
        response = HttpResponse(kept, content_type="application/pdf")
    else:
        response = HttpResponse(orjson.dumps(signed), content_type="application/json")
    name = f"consent-{consent_id.hex[-12:]}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


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
