"""Where a mail's link arrives, and the customer's own page "How we reach you"; both on the chat's host."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.cache import patch_vary_headers
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST, require_safe

from accounts.signin.languages import readers_language
from accounts.signin.windows import arrive, customer_window
from messaging.notices import addresses
from messaging.notices.forms import AddressForm, BrowserForm, CodeForm, SwitchForm
from messaging.notices.links import chat_page_of
from messaging.notices.models import AddressProof, MailAddress, Way
from messaging.notices.queries import (
    browsers_of,
    is_on,
    mail_address_of,
    open_proof,
    plain_address,
)
from messaging.notices.rules import browser_label
from messaging.notices.webpush import is_offered, public_key
from partners.banks.models import Bank, Customer
from partners.banks.queries import find_bank
from partners.banks.windows import in_window
from portal.rest.problems import TooMany
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import current_bank_id

_SWITCHED = {
    (Way.MAIL, True): gettext_lazy("Alerts are mailed to you."),
    (Way.MAIL, False): gettext_lazy("No more alerts by mail."),
    (Way.PUSH, True): gettext_lazy("You are notified of alerts."),
    (Way.PUSH, False): gettext_lazy("No more notifications."),
}


@require_safe
@never_cache
def open_alert(request: HttpRequest, slug: str, message_id: UUID) -> HttpResponse:
    """Says where to sign in to see the alert. The same page for every number: it looks nothing up."""
    bank = find_bank(slug)
    otherwise = "en" if bank is None else bank.locale
    with translation.override(readers_language(request, otherwise)):
        if bank is None:
            return render(request, "messaging/notices/nowhere.html", status=404)
        url = chat_page_of(bank, message_id)
        shown = {"bank": bank, "url": url, "host": urlsplit(url).netloc}
        response = render(request, "messaging/notices/arrive.html", shown)
    patch_vary_headers(response, ["Accept-Language"])
    return response


@csrf_exempt  # the one-time code is the proof; only our own frame's origin may post it
@require_POST
def enter(request: HttpRequest) -> HttpResponseBase:
    """From the chat's frame into this window, by a one-time code."""
    return arrive(request, purpose="reaching", then="reaching")


@require_GET
@never_cache
@customer_window
def reaching(request: HttpRequest) -> HttpResponse:
    """How the customer is told of an alert when the chat is closed, and what they may change about it."""
    with in_window(request) as customer:
        return _page(request, customer, AddressForm(), CodeForm())


@require_POST
@customer_window
def switch(request: HttpRequest, way: str) -> HttpResponse:
    """Turns one way on or off."""
    if way not in Way.values:
        raise Http404
    form = SwitchForm(request.POST)
    form.is_valid()
    is_to_be = form.cleaned_data["is_on"]
    with in_window(request) as customer:
        addresses.choose_way(customer_id=customer.id, way=way, is_on=is_to_be, at=timezone.now())
        messages.success(request, str(_SWITCHED[Way(way), is_to_be]))
    return redirect("reaching")


@require_POST
@never_cache
@customer_window
def set_address(request: HttpRequest) -> HttpResponse:
    """Mails six digits to the address; it is used once they are typed."""
    with in_window(request) as customer:
        form = AddressForm(request.POST)
        if not form.is_valid():
            return _page(request, customer, form, CodeForm(), status=400)
        try:
            addresses.ask_proof(
                customer_id=customer.id, text=form.cleaned_data["address"], at=timezone.now()
            )
        except TooMany:
            form.add_error("address", _("Too many codes were asked for. Try again in an hour."))
            return _page(request, customer, form, CodeForm(), status=429)
    return redirect("reaching")


@require_POST
@never_cache
@customer_window
def prove_address(request: HttpRequest) -> HttpResponse:
    with in_window(request) as customer:
        at = timezone.now()
        form = CodeForm(request.POST)
        is_right = form.is_valid() and addresses.prove_address(
            customer_id=customer.id, code=form.cleaned_data["code"], at=at
        )
        if not is_right:
            form.add_error("code", _("These are not the digits that we mailed."))
            return _page(request, customer, AddressForm(), form, status=400)
        messages.success(request, _("That is your address. Alerts are mailed there."))
    return redirect("reaching")


@require_POST
@customer_window
def forget_address(request: HttpRequest) -> HttpResponse:
    """Takes back one's own address, and an asking that is open."""
    with in_window(request) as customer:
        if open_proof(customer.id, at=timezone.now()) is not None:
            addresses.give_up_proof(customer_id=customer.id, at=timezone.now())
        else:
            addresses.forget_own_address(customer_id=customer.id)
    return redirect("reaching")


@require_POST
@customer_window
def add_browser(request: HttpRequest) -> HttpResponse:
    """Notifies the customer in the browser that asks, from now on."""
    form = BrowserForm(request.POST)
    with in_window(request) as customer:
        is_kept = is_offered() and form.is_valid()
        if is_kept:
            is_kept = addresses.keep_browser(
                customer_id=customer.id,
                label=browser_label(request.headers.get("User-Agent", "")),
                at=timezone.now(),
                **form.cleaned_data,
            )
        if is_kept:
            messages.success(request, _("You are notified in this browser."))
        else:
            messages.error(request, _("This browser cannot be notified."))
    return redirect("reaching")


@require_POST
@customer_window
def forget_browser(request: HttpRequest, browser_id: UUID) -> HttpResponse:
    with in_window(request) as customer:
        addresses.forget_browser(customer_id=customer.id, browser_id=browser_id)
        messages.success(request, _("No more notifications there."))
    return redirect("reaching")


@require_safe
def worker(_request: HttpRequest) -> HttpResponse:
    """The service worker that shows notifications, at an address that stays the same."""
    script = (Path(__file__).parent / "worker.js").read_text()
    response = HttpResponse(script, content_type="text/javascript; charset=utf-8")
    response["Cache-Control"] = "no-cache"
    return response


def _page(
    request: HttpRequest,
    customer: Customer,
    address_form: AddressForm,
    code_form: CodeForm,
    *,
    status: int = 200,
) -> HttpResponse:
    proof = open_proof(customer.id, at=timezone.now())
    shown = {
        "bank": Bank.objects.get(pk=current_bank_id()),
        "mail": _mail(customer.id),
        "proof": None if proof is None else _proof(proof),
        "address_form": address_form,
        "code_form": code_form,
        "push": _push(customer.id) if is_offered() else None,
        "sharing_url": reverse("sharing"),
    }
    return render(request, "messaging/notices/reaching.html", shown, status=status)


def _mail(customer_id: UUID) -> dict[str, Any]:
    held = mail_address_of(customer_id)
    by_bank = MailAddress.objects.filter(customer_id=customer_id, source=MailAddress.Source.BANK)
    return {
        "is_on": is_on(customer_id, Way.MAIL),
        "address": "" if held is None else plain_address(held),
        "is_own": held is not None and held.source == MailAddress.Source.CUSTOMER,
        "refused_at": None if held is None else held.refused_at,
        "has_banks": by_bank.exists(),
    }


def _push(customer_id: UUID) -> dict[str, Any]:
    return {
        "is_on": is_on(customer_id, Way.PUSH),
        "browsers": browsers_of(customer_id),
        "key": public_key(),
    }


def _proof(proof: AddressProof) -> dict[str, Any]:
    return {
        "address": open_secret(proof, "address"),
        "expires_at": proof.expires_at,
        "tries_left": proof.tries_left,
        "is_sent": proof.state == AddressProof.State.REACHED,
        "is_refused": proof.state == AddressProof.State.FAILED,
    }
