"""The window in which a customer answers a program: who asks, for what, until when; yes or no.

`/oauth/authorize` is where the program sends them (RFC 6749, section 4.1.1). It shows nothing of anybody's
and keeps the request in the browser; `/asking/` puts it to the customer, once their bank has said who they are.
"""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from accounts.clients.actions import RequestOver
from accounts.clients.models import Client
from accounts.clients.queries import find_client
from accounts.clients.rules import Asked, NotAsked, asked_from, read_asked
from accounts.signin.languages import in_readers_language
from accounts.signin.windows import (
    answer_waiting,
    customer_window,
    is_answered,
    keep_waiting,
    waiting_here,
    window_of,
)
from partners.asking.actions import put_request, say_no, say_yes
from partners.asking.forms import YesForm
from partners.asking.queries import (
    BankSuspended,
    BankUnknown,
    Offer,
    Party,
    ProgramSuspended,
    offer_of,
    party_of,
)
from partners.asking.rules import address_back, ends_within, origin_of, scope_of_answer
from partners.banks.models import Bank, Customer
from partners.banks.windows import in_window
from partners.connections.forms import alert_choices
from partners.sharing.rules import FEED_OF_ALERT
from partners.sharing.words import purpose_words

_LONGEST_STATE = 512
_REFUSED: Mapping[type[NotAsked], Promise] = {
    ProgramSuspended: gettext_lazy("The program is suspended here."),
    BankUnknown: gettext_lazy("We do not know the bank that it names."),
    BankSuspended: gettext_lazy(
        "The bank is suspended here at the moment. Nothing is shared until it is back."
    ),
}


@never_cache
@require_GET
@in_readers_language
def authorize(request: HttpRequest) -> HttpResponseBase:
    """`/oauth/authorize`: a program sends its customer here; whatever is wrong is said on a page."""
    client = find_client(request.GET.get("client_id", ""))
    address = request.GET.get("redirect_uri", "")
    if client is None:
        words = _("The link that brought you here names no program that we know.")
        return _sorry(request, _("No such program"), words)
    if not client.comes_back_to(address):
        # Never sent on to: that is how a stranger would get what is meant for the program.
        words = _("It would lead to an address that the program never registered.")
        return _sorry(request, _("This link leads elsewhere"), words)
    try:
        asked = read_asked(dict(request.GET.lists()))
        party = party_of(asked)
    except NotAsked as refused:
        state = request.GET.get("state", "")[:_LONGEST_STATE]
        return _refused(request, client, address, state, refused)
    keep_waiting(request, asked.as_data())
    window = window_of(request)
    if window is not None and window.bank_id == party.bank.id:
        return redirect("asking")
    return _who(request, party)


@never_cache
@customer_window
@require_http_methods(["GET", "POST"])
def ask(request: HttpRequest) -> HttpResponseBase:
    """`/asking/`: the request, and the customer's answer to it."""
    at = timezone.now()
    if request.method == "GET" and is_answered(request):
        return redirect("sharing")
    held = waiting_here(request, answered_too=True)
    with in_window(request) as customer:
        if held is None:
            return _nothing_waits(request, customer.bank)
        asked = asked_from(held)
        try:
            party = party_of(asked)
            if party.bank.id != customer.bank_id:
                return _who(request, party)
            return _put(request, party, asked, customer, at=at)
        except NotAsked as refused:
            client = find_client(asked.client_id)
            return _refused(request, client, asked.redirect_uri, asked.state, refused)
        except RequestOver:
            return _nothing_waits(request, customer.bank)


def _put(
    request: HttpRequest, party: Party, asked: Asked, customer: Customer, *, at: datetime
) -> HttpResponse:
    if request.POST.get("answer") == "no":
        say_no(asked, customer_id=customer.id, at=at)
        return _sent_back(request, asked, error="access_denied")
    offer = offer_of(party, asked, customer, at=at)
    if not offer.accounts or offer.is_empty:
        return _nothing_to_give(request, party, asked, offer)
    form = YesForm(request.POST or None, offer=offer, days=asked.days)
    if not form.is_valid():
        if not form.is_bound:
            put_request(party, asked, customer, at=at)
        shown = _question(party, asked, offer, form, at=at)
        page = render(
            request, "partners/asking/ask.html", shown, status=400 if form.is_bound else 200
        )
        page.form_action = f"'self' {origin_of(asked.redirect_uri)}"  # type: ignore[attr-defined]  # read by our middleware
        return page
    code = say_yes(
        party,
        asked,
        customer,
        offer,
        resources=form.resources(),
        scope=scope_of_answer(form.chosen_feeds, form.chosen_alerts, found_in=FEED_OF_ALERT),
        expires_at=form.expires_at(at),
        at=at,
    )
    return _sent_back(request, asked, code=code)


def _question(
    party: Party, asked: Asked, offer: Offer, form: YesForm, *, at: datetime
) -> dict[str, Any]:
    """Nothing is ticked that the customer has not ticked, but for what there is no choice about."""
    ticked = form.data if isinstance(form.data, QueryDict) else QueryDict()
    picked = {name: set(ticked.getlist(name)) for name in form.fields}
    is_lone = len(offer.feeds) == 1 and not offer.alerts
    if not form.is_bound and is_lone:
        picked["feeds"] = set(offer.feeds)
    return {
        "bank": party.bank,
        "program": party.client,
        "program_host": origin_of(asked.redirect_uri).partition("//")[2],
        "purpose": purpose_words(party.purpose.code, party.purpose.title),
        "notice": offer.notice,
        "accounts": [
            {
                "value": each.id,
                "account": each,
                "needed": False,
                "checked": str(each.id) in picked["accounts"],
            }
            for each in offer.accounts
        ],
        "feeds": [
            {"code": each, "needed": is_lone, "checked": each in picked["feeds"]}
            for each in offer.feeds
        ],
        "alert_types": alert_choices(offer.alerts, picked=picked["alert_types"]),
        "ends": [
            {
                "days": days,
                "on": at + timedelta(days=days),
                "checked": str(days) in picked["ends"],
            }
            for days in ends_within(asked.days)
        ],
        "history_from": offer.history_from if offer.has_history else None,
        "not_shared": offer.not_shared,
        "not_linked": offer.not_linked,
        "errors": form.sentences() if form.is_bound else [],
    }


def _sent_back(request: HttpRequest, asked: Asked, **said: str) -> HttpResponse:
    # Not forgotten: who presses twice says it twice, and goes back all the same.
    answer_waiting(request)
    response = HttpResponse(status=303)
    response["Location"] = _back(asked.redirect_uri, asked.state, **said)
    return response


def _back(address: str, state: str, **said: str) -> str:
    # RFC 9207: who says so, so that the answer of one server is not taken for another's.
    return address_back(address, **said, state=state, iss=settings.API_ORIGIN)


# --- what is not to be answered -------------------------------------------------------------------


def _who(request: HttpRequest, party: Party) -> HttpResponse:
    """Whose customer this is, the bank alone can say: how to come back from there."""
    page = party.bank.chat_page or party.bank.website
    shown = {
        "bank": party.bank,
        "program": party.client,
        "bank_url": page,
        "bank_host": origin_of(page).partition("//")[2],
    }
    return render(request, "partners/asking/who.html", shown)


def _nothing_waits(request: HttpRequest, bank: Bank) -> HttpResponse:
    words = _(
        "It has been answered, or its ten minutes are over. “Who sees what” shows what you allow."
    )
    more = (reverse("sharing"), _("Who sees what"))
    title = _("No program is asking")
    return _sorry(request, title, words, bank=bank, more=more, is_unanswered=False, status=409)


def _nothing_to_give(
    request: HttpRequest, party: Party, asked: Asked, offer: Offer
) -> HttpResponse:
    if not offer.accounts:
        title = _("You have linked no account yet")
        words = _(
            "A program can be shown only what you have linked to the chat. Link an account first; the question waits."
        )
    elif offer.not_linked:
        title = _("What it asks for is not linked")
        words = _(
            "You have linked your accounts without it. Link them again and choose it, if you like; the question waits."
        )
    else:
        title = _("Your bank does not share this")
        words = _("The program asks for something that your bank shares with nobody.")
    can_link = not offer.accounts or bool(offer.not_linked)
    more = (reverse("link_begin"), _("Link your accounts")) if can_link else ("", "")
    back = _back(asked.redirect_uri, asked.state, error="access_denied")
    return _sorry(
        request, title, words, bank=party.bank, client=party.client, back=back, more=more
    )


def _refused(
    request: HttpRequest, client: Client | None, address: str, state: str, refused: NotAsked
) -> HttpResponse:
    """A sentence for the customer; and for the program its word and why, should they go back."""
    usual = _("It asks in a way that we do not understand. That is its mistake and not yours.")
    words = str(_REFUSED.get(type(refused), usual))
    is_known = client is not None and client.comes_back_to(address)
    why = {"error": refused.error, "error_description": str(refused)}
    back = _back(address, state, **why) if is_known else ""
    return _sorry(request, _("We cannot ask you this"), words, client=client, back=back)


def _sorry(
    request: HttpRequest,
    title: str,
    words: str,
    *,
    bank: Bank | None = None,
    client: Client | None = None,
    back: str = "",
    more: tuple[str, str] = ("", ""),
    is_unanswered: bool = True,
    status: int = 400,
) -> HttpResponse:
    more_url, more_label = more
    shown = {
        "bank": bank,
        "program": client,
        "title": title,
        "words": words,
        "nothing_shared": is_unanswered,
        "back_url": back,
        "more_url": more_url,
        "more_label": more_label,
    }
    return render(request, "partners/asking/sorry.html", shown, status=status)
