"""The window in which a customer links accounts: to the bank and back, then choose; only a yes keeps anything."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import get_language, gettext_lazy
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
    NothingAllowed,
    begin_authorisation,
    come_back,
    decline_linking,
    deny_authorisation,
    finish_linking,
)
from partners.connections.brought import open_brought
from partners.connections.forms import LinkForm, alert_choices
from partners.connections.linking import PURPOSE
from partners.connections.models import Authorisation
from partners.connections.queries import (
    Before,
    allowed_before,
    last_linked,
    renewable,
    walk_of,
)
from partners.connections.rules import (
    DAYS,
    HISTORIES,
    alerts_that_can_be_found,
    feeds_that_can_be_shown,
)
from partners.connectors.base import AccountRecord
from partners.feeds.models import FeedKind
from partners.feeds.queries import shared_masks
from partners.integrations.queries import NotConnectedYet, get_integration
from portal.middleware import current_request_id
from portal.tenancy.blocks import serving, serving_customer

_LONGEST_PARAMETER = 512
# The walk that came back in this browser: nobody else's goes on with it.
_WALK = "walk_to_bank"
_NOT_POSSIBLE: Mapping[str, Promise] = {
    "not_shared": gettext_lazy(
        "The bank has just stopped sharing something that you chose. Look at what is left, and choose again."
    ),
    "other_walk": gettext_lazy(
        "You went to the bank once more in another window. This is what it allows now; choose here."
    ),
}


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
    return redirect("link_begin")


def _bare() -> dict[str, Any]:
    # Whose bank it is was in the code, which is not believed.
    return {"bank": {"name": _("your bank"), "phone": ""}, "again_url": ""}


@never_cache
@customer_window
@require_http_methods(["GET", "POST"])
@in_customers_language
def begin(request: HttpRequest) -> HttpResponseBase:
    """`/link/begin`: what will happen; then to the bank."""
    window = entered_window(request)
    bank = Bank.objects.get(pk=window.bank_id)
    if request.method == "POST":
        return _to_the_bank(request, window, bank)
    with serving(bank.id):
        shared = feeds_that_can_be_shown(shared_masks())
        try:
            authorize_url = get_integration().authorize_url
        except NotConnectedYet:
            words = _("The bank has not connected its systems yet.")
            return _error(request, bank, words, status=409)
    if not shared:
        return _error(request, bank, _("This bank shares nothing with the chat."), status=409)
    with serving_customer(window.bank_id, window.customer_id):
        until = renewable(customer_id=window.customer_id, at=timezone.now())
    shown = {
        "bank": _bank(bank) | {"host": urlsplit(authorize_url).netloc},
        "renews_until": until,
    }
    response = render(request, "partners/connections/begin.html", shown)
    response.form_action = f"'self' {_origin(authorize_url)}"  # type: ignore[attr-defined]  # read by our middleware
    return response


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _bank(bank: Bank) -> dict[str, Any]:
    return {"name": bank.name, "phone": bank.phone}


def _to_the_bank(request: HttpRequest, window: Window, bank: Bank) -> HttpResponse:
    try:
        url = begin_authorisation(
            bank_id=window.bank_id,
            customer_id=window.customer_id,
            at=timezone.now(),
            customer_ip=str(request.META.get("REMOTE_ADDR", "")),
        )
    except LinkingFailed:
        return _error(request, bank, _("The bank does not answer just now."))
    except NotConnectedYet:
        words = _("The bank has not connected its systems yet.")
        return _error(request, bank, words, status=409)
    except ChoiceNotPossible:
        return _error(request, bank, _("This bank shares nothing with the chat."), status=409)
    response = HttpResponse(status=303)
    response["Location"] = url
    return response


def _error(request: HttpRequest, bank: Bank, words: str, *, status: int = 502) -> HttpResponse:
    shown = {
        "bank": _bank(bank),
        "words": words,
        "again_url": reverse("link_begin"),
        "request_id": current_request_id(),
    }
    return render(request, "partners/connections/error.html", shown, status=status)


def _too_late(request: HttpRequest, bank: Bank) -> HttpResponse:
    shown = {"bank": _bank(bank), "again_url": reverse("link_begin")}
    return render(request, "partners/connections/expired.html", shown, status=409)


def _declined(
    request: HttpRequest, bank: Bank, *, here: bool, is_told: bool = True
) -> HttpResponse:
    shown = {
        "bank": _bank(bank),
        "again_url": reverse("link_begin"),
        "said_here": here,
        "is_told": is_told,
    }
    return render(request, "partners/connections/denied.html", shown)


# --- back from the bank ---------------------------------------------------------------------------


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
    except AuthorisationSpent:
        # Who reloads, or goes back to the bank's page and presses once more, goes on where they stood.
        return redirect("link_choose") if _WALK in request.session else _too_late(request, bank)
    except AuthorisationUnknown:
        return _too_late(request, bank)
    except LinkingFailed:
        words = _("The bank could not be reached, or did not say which accounts there are.")
        return _error(request, bank, words)
    except NothingAllowed:
        words = _("You came back without an account. Pick at least one when the bank asks.")
        return _error(request, bank, words, status=409)


def _come_back(
    request: HttpRequest, window: Window, bank: Bank, said: dict[str, str]
) -> HttpResponseBase:
    if said["code"] and not said["error"]:
        back = come_back(
            bank_id=window.bank_id,
            customer_id=window.customer_id,
            state=said["state"],
            code=said["code"],
            at=timezone.now(),
        )
        request.session[_WALK] = str(back.walk_id)
        # On to an address without a code, which a reload does not spend again.
        return redirect("link_done" if back.completed else "link_choose")
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
    return _declined(request, bank, here=False)


# --- the choice -----------------------------------------------------------------------------------


@never_cache
@customer_window
@require_http_methods(["GET", "POST"])
@in_customers_language
def choose(request: HttpRequest) -> HttpResponseBase:
    """`/link/choose`: of what the bank allows, what the chat may read, and until when; yes or no."""
    window = entered_window(request)
    bank = Bank.objects.get(pk=window.bank_id)
    held = request.session.get(_WALK)
    if held is None:
        return redirect("link_begin")
    try:
        return _decide(request, window, bank, UUID(held))
    except (AuthorisationUnknown, AuthorisationSpent):
        return _too_late(request, bank)


def _decide(request: HttpRequest, window: Window, bank: Bank, walk_id: UUID) -> HttpResponseBase:
    at = timezone.now()
    if request.POST.get("answer") == "no":
        is_told = decline_linking(
            bank_id=window.bank_id, customer_id=window.customer_id, walk_id=walk_id, at=at
        )
        return _declined(request, bank, here=True, is_told=is_told)
    with serving_customer(window.bank_id, window.customer_id):
        walk = walk_of(walk_id=walk_id, customer_id=window.customer_id)
        if walk is None:
            raise AuthorisationUnknown
        if walk.status == Authorisation.Status.COMPLETED:
            return redirect("link_done")
        if walk.status != Authorisation.Status.CHOOSING or walk.expires_at <= at:
            raise AuthorisationSpent
        brought = open_brought(walk)
        before = allowed_before(
            customer_id=window.customer_id, external_ids=brought.external_ids, at=at
        )
    offer = _offer(bank, brought.accounts, before)
    is_this = request.POST.get("walk") == str(walk_id)
    form = LinkForm(
        request.POST if is_this else None,
        accounts=[str(place) for place in range(len(offer.accounts))],
        feeds=offer.feeds,
        alert_types=list(offer.alerts),
    )
    problem = "" if is_this or request.method == "GET" else "other_walk"
    if form.is_valid():
        try:
            finish_linking(
                bank_id=window.bank_id,
                customer_id=window.customer_id,
                walk_id=walk_id,
                picked={offer.accounts[each].external_id for each in form.picked()},
                choice=form.choice(),
                at=at,
            )
            return redirect("link_done")
        except ChoiceNotPossible:
            problem = "not_shared"
    shown = _choices(bank, offer, form, problem) | {"walk": walk_id}
    status = 200 if request.method == "GET" else 409 if problem else 400
    return render(request, "partners/connections/choose.html", shown, status=status)


@dataclass(frozen=True)
class _Offer:
    """What the customer can say yes to, and what of it they allow already."""

    accounts: Sequence[AccountRecord]
    feeds: Sequence[str]
    alerts: Mapping[str, Mapping[str, Any]]
    purpose: Mapping[str, str]
    before: Before


def _offer(bank: Bank, accounts: Sequence[AccountRecord], before: Before) -> _Offer:
    with serving(bank.id):
        masks = shared_masks()
        rules = enabled_rules()
        purpose = current_purpose(PURPOSE)
        notice = notice_of(purpose, locale=get_language() or bank.locale)
    shared = feeds_that_can_be_shown(masks)
    found = alerts_that_can_be_found(rules, shared=masks)
    return _Offer(
        accounts,
        [each for each in FeedKind.values if each in shared],
        {each: rules[each] for each in AlertType.values if each in found},
        {"title": purpose.title, "text": notice.text},
        before,
    )


def _choices(bank: Bank, offer: _Offer, form: LinkForm, problem: str) -> dict[str, Any]:
    """Nothing is ticked that the customer has not ticked, now or before, but for an account that is the only one."""
    ticked = form.data if isinstance(form.data, QueryDict) else QueryDict()
    picked = {name: set(ticked.getlist(name)) for name in form.fields}
    if not form.is_bound:
        picked["accounts"] = _accounts_ticked(offer)
        picked["feeds"], picked["alert_types"] = (
            set(offer.before.feeds),
            set(offer.before.alert_types),
        )
    is_lone = len(offer.accounts) == 1
    words = [_NOT_POSSIBLE[problem]] if problem else []
    return {
        "bank": _bank(bank),
        "accounts": [
            {
                "value": place,
                "account": each,
                "needed": is_lone,
                "checked": str(place) in picked["accounts"],
            }
            for place, each in enumerate(offer.accounts)
        ],
        "feeds": [
            {"code": each, "needed": False, "checked": each in picked["feeds"]}
            for each in offer.feeds
        ],
        "alert_types": alert_choices(offer.alerts, picked=picked["alert_types"]),
        "ends": [
            {
                "value": days,
                "label": _("%(days)d days") % {"days": days},
                "checked": str(days) in picked["ends"],
            }
            for days in DAYS
        ],
        "histories": [
            {
                "value": months,
                "label": _("%(n)d months") % {"n": months},
                "checked": str(months) == ticked.get("months"),
            }
            for months in HISTORIES
        ],
        "purpose": offer.purpose,
        "linked_before": bool(offer.before.external_ids),
        "errors": [*words, *(form.sentences() if form.is_bound else [])],
    }


def _accounts_ticked(offer: _Offer) -> set[str]:
    if len(offer.accounts) == 1:
        return {"0"}
    before = offer.before.external_ids
    return {str(place) for place, each in enumerate(offer.accounts) if each.external_id in before}


@never_cache
@customer_window
@require_GET
@in_customers_language
def done(request: HttpRequest) -> HttpResponseBase:
    """`/link/done`: what is linked now, as of the last walk."""
    window = entered_window(request)
    bank = Bank.objects.get(pk=window.bank_id)
    with serving_customer(window.bank_id, window.customer_id):
        linked = last_linked(customer_id=window.customer_id, at=timezone.now())
    if linked is None:
        return redirect("link_begin")
    consent = f"/sharing/consents/{linked.consent_id}"
    shown = {
        "bank": _bank(bank),
        "accounts": linked.accounts,
        "feeds": linked.feeds,
        "alert_labels": [AlertType(each).label for each in linked.alert_types],
        "expires_at": timezone.localtime(linked.expires_at, ZoneInfo(bank.time_zone)),
        "is_renewed": linked.is_renewed,
        "sharing_url": "/sharing/",
        "receipt_url": f"{consent}/receipt",
        "change_url": f"{consent}/change",
        "close_url": "",
        "asking_url": "" if waiting_here(request) is None else reverse(WAITING_PAGE),
    }
    return render(request, "partners/connections/done.html", shown)
