"""The console's pages that read across rooms: the overview, customers, disclosures."""

from datetime import datetime, time
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

from django.conf import settings
from django.contrib import messages
from django.contrib.humanize.templatetags.humanize import intcomma
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.disclosure.actions import record_staff_look
from accounts.disclosure.checking import check_bank
from accounts.disclosure.exporting import MEDIA_TYPE, bank_lines, in_lines, wanted_sizes
from accounts.disclosure.queries import is_tampered, times_of
from accounts.disclosure.words import check_words
from partners.banks.access import Desk, staff_page
from partners.banks.models import Customer
from partners.banks.paging import pager, place_of
from partners.banks.permissions import Permission
from partners.banks.queries import deeds as staff_deeds
from partners.banks.queries import names_of
from partners.banks.rules import masked_name
from partners.console import examples, queries, words
from partners.console.forms import (
    CustomersForm,
    DisclosuresForm,
    HistoryForm,
    ReadAgainForm,
    TryAgainForm,
)
from partners.console.queries import DisclosureFilter
from partners.feeds.models import Feed, FeedCursor
from partners.feeds.rules import MASKABLE
from partners.purchases.queries import waiting
from partners.records.queries import erasure_of, hold_on
from partners.sync.actions import try_again
from partners.sync.again import read_again
from partners.sync.history import decide_history
from partners.sync.queries import failing
from partners.sync.words import back_fill_words, failing_words, unreadable_words
from portal.middleware import current_request_id
from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.problems import BadCursor, NotFound
from portal.rest.streaming import streamed
from portal.tenancy.blocks import serving

# What staff did, a page.
DEEDS = 25
Shown = dict[str, Any]


@require_GET
@staff_page(Permission.VIEW_CHOICES)
def feed_example(request: HttpRequest, desk: Desk, kind: str) -> HttpResponse:
    """What a reader sees of a feed with these fields masked, before they are: part of the page of feeds."""
    if kind not in MASKABLE:
        raise Http404
    with serving(desk.bank.id):
        chosen = dict(Feed.objects.values_list("kind", "masked_fields"))
        chosen[kind] = request.GET.getlist("masked")
        shown = {
            "rows": examples.example(kind, desk.bank.currency, chosen),
            "held_back": examples.held_back_alerts(kind, chosen),
            "warn_balances": examples.balances_tell_amounts(kind, chosen),
        }
    return render(request, "partners/feeds/_example.html", shown)


@require_GET
@staff_page(Permission.VIEW_OVERVIEW)
def overview(request: HttpRequest, desk: Desk) -> HttpResponse:
    live_url = reverse("console:overview_live", args=[desk.bank.slug])
    at = timezone.now()
    may_see = desk.may(Permission.VIEW_CHOICES)
    with serving(desk.bank.id):
        found = failing(at=at) if may_see else []
        waits = waiting() if may_see else []
        unread = queries.unreadable_counts() if may_see else {"rows": 0}
    shown = desk.context("overview") | _overview(desk) | {"live_url": live_url}
    shown |= {
        "failing": [failing_words(each) for each in found],
        "waiting": [words.waiting_words(each) for each in waits],
        "unreadable": unread,
        "unreadable_url": reverse("console:unreadable", args=[desk.bank.slug]),
        "try_again_url": reverse("console:try_again", args=[desk.bank.slug])
        if desk.may(Permission.MANAGE_INTEGRATION)
        else "",
    }
    return render(request, "partners/banks/overview.html", shown)


@require_POST
@staff_page(Permission.MANAGE_INTEGRATION)
def try_again_now(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Readings of one kind that fail for one reason: have the bank asked now."""
    form = TryAgainForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    said = form.cleaned_data
    with serving(desk.bank.id):
        n = try_again(
            kind=said["kind"], problem=said["problem"], staff_id=desk.staff.id, at=timezone.now()
        )
    if n:
        words = ngettext("%(n)d reading is tried again.", "%(n)d readings are tried again.", n)
        messages.success(request, words % {"n": n})
    else:
        messages.info(request, _("Nothing of it waits: it is being tried, or was read meanwhile."))
    return redirect(reverse("console:overview", args=[desk.bank.slug]) + "#failing")


@require_GET
@staff_page(Permission.VIEW_CHOICES)
def unreadable(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Rows that could not be read, feed by feed: how many, since when and why, never what they say."""
    bound_to = f"console:unreadable:{desk.bank.id}"
    place = place_of(request, bound_to)
    now = timezone.now()
    with serving(desk.bank.id):
        page = queries.unreadable_page(place=place)
        counted = queries.unreadable_counts()
    shown = desk.context("overview") | {
        "rows": [_unreadable_row(desk, each, now) for each in page.rows],
        "counted": counted,
        "page": pager(page, bound_to=bound_to, asked={}),
        "overview_url": reverse("console:overview", args=[desk.bank.slug]),
        "read_again_url": _read_again_url(desk),
    }
    return render(request, "partners/banks/unreadable.html", shown)


def _unreadable_row(desk: Desk, row: FeedCursor, now: datetime) -> Shown:
    """Whose it is, for whoever may see customers."""
    said = unreadable_words(row, at=now) | {"reference": "", "url": ""}
    if desk.may(Permission.VIEW_CUSTOMERS):
        customer = row.connection.customer
        where = reverse("console:customer", args=[desk.bank.slug, customer.id])
        said |= {"reference": customer.external_id, "url": f"{where}#account-{row.account_id}"}
    return said


def _read_again_url(desk: Desk) -> str:
    if not desk.may(Permission.MANAGE_INTEGRATION):
        return ""
    return reverse("console:read_again", args=[desk.bank.slug])


@require_POST
@staff_page(Permission.MANAGE_INTEGRATION)
def read_rows_again(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What could not be read of a feed: have the bank list it once more."""
    form = ReadAgainForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    said = form.cleaned_data
    try:
        with serving(desk.bank.id):
            is_done = read_again(said["id"], staff_id=desk.staff.id, at=timezone.now())
    except NotFound as missing:
        raise Http404 from missing
    if is_done:
        messages.success(
            request, _("The rows are read again. What can be read now is gone from here.")
        )
    else:
        messages.info(request, _("Nothing of it waits: it is being read, or was read meanwhile."))
    if said["customer"] and desk.may(Permission.VIEW_CUSTOMERS):
        return redirect(reverse("console:customer", args=[desk.bank.slug, said["customer"]]))
    return redirect(reverse("console:unreadable", args=[desk.bank.slug]))


@require_GET
@staff_page(Permission.VIEW_STAFF)
def deeds(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What staff had done that changed no choice of the bank's: who, what, when."""
    bound_to = f"console:deeds:{desk.bank.id}"
    place = place_of(request, bound_to)
    with serving(desk.bank.id):
        page = staff_deeds(size=DEEDS, place=place)
        names = names_of({each.by for each in page.rows})
    shown = desk.context("staff") | {
        "deeds": [words.deed_row(each, names) for each in page.rows],
        "page": pager(page, bound_to=bound_to, asked={}),
    }
    return render(request, "partners/banks/deeds.html", shown)


@require_GET
@staff_page(Permission.VIEW_OVERVIEW)
def overview_live(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The part of the overview that renews itself."""
    return render(request, "partners/banks/_overview_live.html", _overview(desk))


def _overview(desk: Desk) -> Shown:
    with serving(desk.bank.id):
        read = queries.overview(desk.bank, at=timezone.now())
    slug = desk.bank.slug
    return read | {
        "health": words.health_words(read["integration"]),
        "notifications": [words.notification_words(each) for each in read["notifications"]],
        "may": {each.value: True for each in Permission if desk.may(each)},
        "integration_url": reverse("console:integration", args=[slug])
        if desk.may(Permission.VIEW_CHOICES)
        else "",
        "feeds_url": reverse("console:feeds", args=[slug]),
        "disclosures_url": reverse("console:disclosures", args=[slug]),
    }


@require_GET
@staff_page(Permission.VIEW_CUSTOMERS)
def customers(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Who has opened the chat or linked an account; found by the bank's own reference."""
    form = CustomersForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    query = form.cleaned_data["q"]
    bound_to = f"console:customers:{desk.bank.id}:{query}"
    place = place_of(request, bound_to)
    now = timezone.now()
    with serving(desk.bank.id):
        page = queries.customers_page(query=query, place=place)
        standings = queries.standings_of(page.rows, bank=desk.bank, at=now)
    shown = desk.context("customers") | {
        "query": query,
        "customers": [
            words.customer_row(
                each,
                reverse("console:customer", args=[desk.bank.slug, each.id]),
                standings,
                at=now,
            )
            for each in page.rows
        ],
        "page": pager(page, bound_to=bound_to, asked={"q": query}),
    }
    return render(request, "partners/banks/customers.html", shown)


@require_GET
@staff_page(Permission.VIEW_CUSTOMERS)
def customer(request: HttpRequest, desk: Desk, customer_id: UUID) -> HttpResponse:
    """One customer, masked: what is linked, what is allowed, what happened."""
    now = timezone.now()
    with serving(desk.bank.id):
        found = Customer.objects.filter(pk=customer_id).first()
        if found is None:
            raise Http404
        accounts = queries.accounts_of(found.id, bank=desk.bank, at=now)
        consents = queries.consents_of(found.id)
        objections = queries.objections_around(found.id)
        history = queries.history_of(found)
        hold, erasure = hold_on(found.id), erasure_of(found.id)
        # What is read of somebody is an access of its own, as looking them up is.
        record_staff_look(
            staff_id=desk.staff.id,
            pseudonym=found.pseudonym,
            door="console",
            at=now,
            request_id=current_request_id(),
        )
    may_hold = desk.may(Permission.MANAGE_HOLDS)
    named = [desk.bank.slug, found.id]
    may_see_more = desk.may(Permission.VIEW_DISCLOSURES)
    search = reverse("console:search", args=[desk.bank.slug])
    shown = desk.context("customers") | {
        "customers_url": reverse("console:customers", args=[desk.bank.slug]),
        "customer": {
            "name": masked_name(found.display_name),
            "reference": found.external_id,
            "since": found.created_at,
            "locale": found.locale,
            "id": found.id,
        },
        "accounts": [
            words.account_row(
                each,
                reverse("console:history", args=[*named, each["account"].id]),
                today=now.astimezone(ZoneInfo(desk.bank.time_zone)).date(),
                at=now,
            )
            for each in accounts
        ],
        "may_decide": desk.may(Permission.MANAGE_HISTORIES),
        "read_again_url": _read_again_url(desk),
        "consents": [words.consent_row(each, at=now) for each in consents],
        "objections": [
            {
                "program": each.client.name,
                "account": each.account.known_name,
                "at": each.at,
                "theirs": each.customer_id == found.id,
            }
            for each in objections
        ],
        "history": words.history_words(history),
        "disclosures_url": f"{search}?{urlencode({'customer': found.external_id})}"
        if may_see_more
        else "",
        "hold": hold,
        "erasure": erasure
        and {"state_label": erasure.get_status_display(), "requested_at": erasure.requested_at},
        "hold_url": reverse("console:hold_customer", args=named) if may_hold else "",
        "lift_url": reverse("console:lift_customer", args=named) if may_hold else "",
    }
    return render(request, "partners/banks/customer.html", shown)


@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_CUSTOMERS, to_change=Permission.MANAGE_HISTORIES)
def history(
    request: HttpRequest, desk: Desk, customer_id: UUID, account_id: UUID
) -> HttpResponseBase:
    """How far an account's history is read, for the page to renew itself; POST: what staff decide about it."""
    if request.method == "POST":
        return _decide(request, desk, customer_id, account_id)
    with serving(desk.bank.id):
        row = queries.back_fill_of(customer_id, account_id)
    if row is None:
        raise Http404
    today = timezone.now().astimezone(ZoneInfo(desk.bank.time_zone)).date()
    said = back_fill_words(row, today=today)
    if said["state"] != "reading":
        return HttpResponse(headers={"HX-Refresh": "true"})
    shown = {"history": said, "history_url": request.path}
    return render(request, "partners/banks/_history_progress.html", shown)


def _decide(
    request: HttpRequest, desk: Desk, customer_id: UUID, account_id: UUID
) -> HttpResponseBase:
    form = HistoryForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    try:
        with serving(desk.bank.id):
            is_done = decide_history(
                form.cleaned_data["decision"],
                customer_id=customer_id,
                account_id=account_id,
                staff_id=desk.staff.id,
                at=timezone.now(),
            )
    except NotFound as missing:
        raise Http404 from missing
    if is_done:
        messages.success(request, words.DECIDED_WORDS[form.cleaned_data["decision"]])
    else:
        messages.info(request, _("Nothing to do: it stands as you see it."))
    where = reverse("console:customer", args=[desk.bank.slug, customer_id])
    return redirect(f"{where}#account-{account_id}")


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def disclosures(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What was shown to whom, and what was refused, in the bank's own days."""
    form = DisclosuresForm(request.GET)
    asked = _asked(request)
    zone = ZoneInfo(desk.bank.time_zone)
    today = datetime.combine(timezone.now().astimezone(zone).date(), time.min, zone)
    shown = _ledger(request, desk, form)
    with serving(desk.bank.id):
        released, refused = queries.decisions_since(today)
        shares_nothing = queries.shares_nothing()
    live = reverse("console:disclosures_live", args=[desk.bank.slug])
    is_first = "cursor" not in request.GET and form.is_valid()
    shown |= desk.context("disclosures") | {
        "shares_nothing": shares_nothing,
        "live_url": f"{live}?{urlencode(asked)}" if is_first else "",
        "filters": {name: request.GET.get(name, "") for name in form.fields},
        "form": form,
        "feeds": [{"code": c, "label": label} for c, label in words.CODE_WORDS.items()],
        **check_context(desk),
        "search_url": reverse("console:search", args=[desk.bank.slug]),
        "total_words": _("Today: %(shown)s shown, %(refused)s refused")
        % {"shown": intcomma(released), "refused": intcomma(refused)},
    }
    status = 200 if form.is_valid() else 400
    return render(request, "accounts/disclosure/disclosures.html", shown, status=status)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def disclosures_live(request: HttpRequest, desk: Desk) -> HttpResponse:
    """The rows of the ledger's first page, as they are now."""
    form = DisclosuresForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    shown = _ledger(request, desk, form)
    return render(request, "accounts/disclosure/_disclosure_rows.html", shown)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def disclosures_check(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Whether the whole log is as it was signed: a second of looking at a time."""
    bound_to = f"console:check:{desk.bank.id}"
    text = request.GET.get("from")
    try:
        standing = None if text is None else open_cursor(text, bound_to=bound_to)
    except BadCursor as reason:
        raise BadRequest(reason.title) from reason
    checked = check_bank(desk.bank.id, at=timezone.now(), standing=standing)
    place = "" if checked.is_over else seal_cursor(checked.standing, bound_to=bound_to)
    shown = check_context(desk)
    next_url = f"{shown['check_url']}?from={place}"
    shown["check"] = check_words(checked, next_url=next_url)
    if request.htmx:  # type: ignore[attr-defined]  # its middleware's
        return render(request, "accounts/disclosure/_check.html", shown)
    shown |= desk.context("disclosures") | {
        "disclosures_url": reverse("console:disclosures", args=[desk.bank.slug])
    }
    return render(request, "accounts/disclosure/check_console.html", shown)


def check_context(desk: Desk) -> Shown:
    """What `_check.html` needs beside what was found."""
    slug = desk.bank.slug
    return {
        "check": None,
        "check_url": reverse("console:disclosures_check", args=[slug]),
        "export_url": reverse("console:disclosures_export", args=[slug]),
        "tamper_url": f"/start/tamper/{slug}" if settings.TAMPERING else "",
        "tampered": settings.TAMPERING and is_tampered(desk.bank.id),
    }


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def disclosures_export(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """The whole log as a file that `verify.py` checks, streamed."""
    at = timezone.now()
    lines = bank_lines(desk.bank.id, at=at, sizes=wanted_sizes(request.GET.get("sizes", "")))
    name = f"{desk.bank.slug}-disclosures-{at:%Y-%m-%d}.jsonl"
    return streamed(request, in_lines(lines), name=name, content_type=MEDIA_TYPE)


def _ledger(request: HttpRequest, desk: Desk, form: DisclosuresForm) -> Shown:
    if not form.is_valid():
        return {"disclosures": [], "page": {}}
    asked = _asked(request)
    bound_to = f"console:disclosures:{desk.bank.id}:{urlencode(asked)}"
    place = place_of(request, bound_to)
    now = timezone.now()
    with serving(desk.bank.id):
        wanted = DisclosureFilter(**form.cleaned_data)
        page = queries.disclosures_page(wanted, zone=ZoneInfo(desk.bank.time_zone), place=place)
        beside = words.Beside(
            names=queries.recipient_names({each.recipient for each in page.rows}),
            purposes=queries.purpose_titles(),
            times=times_of(page.rows),
        )
    return {
        "disclosures": [words.disclosure_row(each, beside, at=now) for each in page.rows],
        "page": pager(page, bound_to=bound_to, asked=asked),
    }


def _asked(request: HttpRequest) -> dict[str, str]:
    given = {name: request.GET.get(name, "") for name in DisclosuresForm.base_fields}
    return {name: value for name, value in given.items() if value}
