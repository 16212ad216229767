"""The console's pages by which a bank answers for what it shares: with whom, what, when and why."""

from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from partners.banks.access import Desk, staff_page
from partners.banks.permissions import Permission
from partners.compliance import queries, words
from partners.feeds.models import FeedKind
from portal.tenancy.blocks import serving


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def recipients(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Everyone who may read something of customers', what for, under how many consents, and how often."""
    at = timezone.now()
    today = at.astimezone(ZoneInfo(desk.bank.time_zone)).date()
    with serving(desk.bank.id):
        found = queries.recipients(today=today, at=at)
    slug = desk.bank.slug
    rows = words.recipient_rows(found)
    shown = desk.context("recipients") | {
        "recipients": rows,
        "feeds": [
            {"label": label, "on": code in found.feeds_on} for code, label in FeedKind.choices
        ],
        "shares_nothing": not found.feeds_on,
        "consents": sum(each["consents"] for each in rows),
        "feeds_url": reverse("console:feeds", args=[slug])
        if desk.may(Permission.VIEW_CHOICES)
        else "",
    }
    return render(request, "partners/compliance/recipients.html", shown)
