"""The window in which a customer links accounts: choose, go to the bank, come back."""

from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from accounts.consent.queries import current_purpose, notice_of
from accounts.signin.actions import WindowCodeRefused
from accounts.signin.languages import in_readers_language
from accounts.signin.windows import (
    WAITING_PAGE,
    Window,
    customer_window,
    enter_by_code,
    entered_window,
    waiting_here,
)
from partners.alerts.models import AlertType
from partners.alerts.queries import enabled_rules
from partners.banks.models import Bank
from partners.banks.windows import in_customers_language
from partners.connections.actions import (
    AuthorisationSpent,
    AuthorisationUnknown,
    ChoiceNotPossible,
    LinkingFailed,
    begin_authorisation,
    complete_authorisation,
    deny_authorisation,
)
from partners.connections.forms import ChoiceForm
from partners.connections.queries import last_linked
from partners.connections.rules import (
    DAYS,
    alerts_that_can_be_found,
    feeds_that_can_be_shown,
)
from partners.feeds.models import FeedKind
from partners.feeds.queries import shared_masks
from partners.integrations.queries import NotConnectedYet, get_integration
from portal.middleware import current_request_id
from portal.tenancy.blocks import serving, serving_customer

_PURPOSE = "see_in_chat"
_LONGEST_PARAMETER = 512


@csrf_exempt
@never_cache
@require_http_methods(["GET", "POST"])
@in_readers_language
def start(request: HttpRequest) -> HttpResponseBase:
    """`POST /link/` with the frame's one-time code enters the window; a plain visit goes on in it."""
    if request.method == "POST":
        try:
            enter_by_code(request, purpose="link")
        except WindowCodeRefused:
            return render(request, "partners/connections/expired.html", _bare(), status=403)
    return redirect("link_choose")


def _bare() -> dict[str, Any]:
    # Whose bank it is was in the code, which is not believed.
    return {"bank": {"name": _("your bank"), "phone": ""}, "again_url": ""}


@never_cache
@customer_window
@require_http_methods(["GET", "POST"])
@in_customers_language
def choose(request: HttpRequest) -> HttpResponseBase:
    """`/link/choose`: what the chat may read, and until when; then to the bank."""
    window = entered_window(request)
    bank = Bank.objects.get(pk=window.bank_id)
    try:
        offer = _offer(bank)
    except NotConnectedYet:
        return _error(request, bank, _("The bank has not connected its systems yet."), status=409)
    if not offer["feeds"]:
        return _error(request, bank, _("This bank shares nothing with the chat."), status=409)
    form = ChoiceForm(
        request.POST if request.method == "POST" else None,
        feeds=offer["feeds"],
        alert_types=list(offer["alerts"]),
    )
    if form.is_valid():
        return _to_the_bank(request, window, bank, form)
    shown = _choices(bank, offer, form)
    status = 400 if form.is_bound else 200
    response = render(request, "partners/connections/choose.html", shown, status=status)
    response.form_action = f"'self' {_origin(offer['authorize_url'])}"  # type: ignore[attr-defined]  # read by our middleware
    return response


def _offer(bank: Bank) -> dict[str, Any]:
    """What the bank shares, and where its own page is."""
    with serving(bank.id):
        authorize_url = get_integration().authorize_url
        masks = shared_masks()
        shared = feeds_that_can_be_shown(masks)
        rules = enabled_rules()
        purpose = current_purpose(_PURPOSE)
        notice = notice_of(purpose, locale=get_language() or bank.locale)
    found = alerts_that_can_be_found(rules, shared=masks)
    return {
        "authorize_url": authorize_url,
        "feeds": [each for each in FeedKind.values if each in shared],
        "alerts": {each: rules[each] for each in AlertType.values if each in found},
        "purpose": {"title": purpose.title, "text": notice.text},
    }


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _choices(bank: Bank, offer: dict[str, Any], form: ChoiceForm) -> dict[str, Any]:
    """Nothing is ticked that the customer has not ticked."""
    ticked = form.data if isinstance(form.data, QueryDict) else QueryDict()
    picked = {name: set(ticked.getlist(name)) for name in form.fields}
    return {
        "bank": _bank(bank) | {"host": urlsplit(offer["authorize_url"]).netloc},
        "feeds": [
            {"code": each, "needed": False, "checked": each in picked["feeds"]}
            for each in offer["feeds"]
        ],
        "alert_types": [
            {
                "code": code,
                "label": AlertType(code).label,
                "threshold_minor": parameters.get("threshold_minor"),
                "currency": parameters.get("currency"),
                "checked": code in picked["alert_types"],
            }
            for code, parameters in offer["alerts"].items()
        ],
        "ends": [
            {
                "value": days,
                "label": _("%(days)d days") % {"days": days},
                "checked": str(days) in picked["ends"],
            }
            for days in DAYS
        ],
        "history_words": _("Payments of the last twelve months are read once, then new ones."),
        "purpose": offer["purpose"],
        "errors": form.sentences() if form.is_bound else [],
        "cancel_url": "",
    }


def _bank(bank: Bank) -> dict[str, Any]:
    return {"name": bank.name, "phone": bank.phone}


def _to_the_bank(
    request: HttpRequest, window: Window, bank: Bank, form: ChoiceForm
) -> HttpResponse:
    try:
        url = begin_authorisation(
            bank_id=window.bank_id,
            customer_id=window.customer_id,
            choice=form.choice(),
            at=timezone.now(),
            customer_ip=str(request.META.get("REMOTE_ADDR", "")),
        )
    except LinkingFailed:
        return _error(request, bank, _("The bank does not answer just now."))
    except ChoiceNotPossible:
        words = _("An alert that you chose is found in something the bank does not share.")
        return _error(request, bank, words, status=409)
    response = HttpResponse(status=303)
    response["Location"] = url
    return response


def _error(request: HttpRequest, bank: Bank, words: str, *, status: int = 502) -> HttpResponse:
    shown = {
        "bank": _bank(bank),
        "words": words,
        "again_url": reverse("link_choose"),
        "request_id": current_request_id(),
    }
    return render(request, "partners/connections/error.html", shown, status=status)


@never_cache
@customer_window
@require_GET
@in_customers_language
def callback(request: HttpRequest) -> HttpResponseBase:
    """`/link/callback`: where the bank sends the customer back, with a code or with a no."""
    window = entered_window(request)
    bank = Bank.objects.get(pk=window.bank_id)
    said = {
        name: request.GET.get(name, "")[:_LONGEST_PARAMETER] for name in ("state", "code", "error")
    }
    try:
        return _come_back(request, window, bank, said)
    except (AuthorisationUnknown, AuthorisationSpent):
        shown = {"bank": _bank(bank), "again_url": reverse("link_choose")}
        return render(request, "partners/connections/expired.html", shown, status=409)
    except LinkingFailed:
        return _error(request, bank, _("The bank could not be reached, or listed no account."))


def _come_back(
    request: HttpRequest, window: Window, bank: Bank, said: dict[str, str]
) -> HttpResponseBase:
    if said["code"] and not said["error"]:
        complete_authorisation(
            bank_id=window.bank_id,
            customer_id=window.customer_id,
            state=said["state"],
            code=said["code"],
            at=timezone.now(),
        )
        # On to an address without a code, which a reload does not spend again.
        return redirect("link_done")
    refused = said["error"] == "access_denied"
    deny_authorisation(
        bank_id=window.bank_id,
        customer_id=window.customer_id,
        state=said["state"],
        at=timezone.now(),
        refused=refused,
    )
    if not refused:
        return _error(request, bank, _("The bank could not finish this."))
    shown = {"bank": _bank(bank), "again_url": reverse("link_choose")}
    return render(request, "partners/connections/denied.html", shown)


@never_cache
@customer_window
@require_GET
@in_customers_language
def done(request: HttpRequest) -> HttpResponseBase:
    """`/link/done`: what is linked now, as of the last walk."""
    window = entered_window(request)
    bank = Bank.objects.get(pk=window.bank_id)
    with serving_customer(window.bank_id, window.customer_id):
        linked = last_linked(customer_id=window.customer_id)
    if linked is None:
        return redirect("link_choose")
    labels = [AlertType(each).label for each in linked.choice.alert_types]
    consent = f"/sharing/consents/{linked.consent_id}" if linked.consent_id else ""
    shown = {
        "bank": _bank(bank),
        "accounts": linked.accounts,
        "feeds": linked.choice.feeds,
        "alert_labels": labels,
        "expires_at": timezone.localtime(linked.expires_at, ZoneInfo(bank.time_zone)),
        "sharing_url": "/sharing/",
        "receipt_url": consent and f"{consent}/receipt",
        # Which accounts there are is known only now: the bank asked for them.
        "change_url": consent and f"{consent}/change",
        "close_url": "",
        "asking_url": "" if waiting_here(request) is None else reverse(WAITING_PAGE),
    }
    return render(request, "partners/connections/done.html", shown)
