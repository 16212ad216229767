"""The console's page of feeds: what may leave the bank at all."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from partners.banks.access import Desk, staff_page
from partners.banks.permissions import Permission
from partners.feeds.actions import mask_feed, switch_feed
from partners.feeds.models import Feed, FeedKind
from partners.feeds.queries import Allowed, allowed_by_kind, last_releases
from partners.feeds.rules import ACCOUNTS, BY_MONTH, IN_BANDS, MASKABLE
from portal.rest.problems import NotFound
from portal.tenancy.blocks import serving

MASK_WORDS = {
    "name": gettext_lazy("Name of the account"),
    "kind": gettext_lazy("Kind of account"),
    "masked_identification": gettext_lazy("Last digits of the account"),
    "description": gettext_lazy("Text of the statement"),
    "merchant_name": gettext_lazy("Merchant"),
    "merchant_category": gettext_lazy("Kind of merchant"),
    "merchant_country": gettext_lazy("Country"),
    "booked_at": gettext_lazy("Time of day"),
    "card_last4": gettext_lazy("Last digits of the card"),
    "original_amount": gettext_lazy("Amount in the foreign currency"),
    "merchant_place": gettext_lazy("Where the shop is"),
    "lines": gettext_lazy("What was bought, line by line"),
    "issued_at": gettext_lazy("Time of the receipt"),
    "carrier": gettext_lazy("Carrier"),
    "tracking_code": gettext_lazy("Tracking code"),
    "places": gettext_lazy("Where the parcel was"),
    BY_MONTH: gettext_lazy("The month instead of the day"),
    IN_BANDS: gettext_lazy("Bands instead of amounts"),
}


@require_GET
@staff_page(Permission.VIEW_CHOICES)
def feeds(request: HttpRequest, desk: Desk) -> HttpResponse:
    with serving(desk.bank.id):
        stored = {each.kind: each for each in Feed.objects.all()}
        allowed = allowed_by_kind(at=timezone.now())
        released = last_releases()
    shown = desk.context("feeds") | {
        "feeds": [
            _shown(desk, kind, stored.get(kind), allowed.get(kind), released.get(kind))
            for kind in FeedKind
        ],
        "accounts": _of_accounts(desk, stored.get(ACCOUNTS)),
        "may_edit": desk.may(Permission.MANAGE_FEEDS),
        "shares_nothing": not any(each.enabled for each in stored.values()),
    }
    return render(request, "partners/feeds/feeds.html", shown)


def _shown(
    desk: Desk,
    kind: FeedKind,
    feed: Feed | None,
    allowed: Allowed | None,
    released: datetime | None,
) -> Mapping[str, Any]:
    return _masks(desk, kind.value, feed) | {
        "label": kind.label,
        "enabled": bool(feed and feed.enabled),
        "switch_url": reverse("console:feed", args=[desk.bank.slug, kind.value]),
        "customers_count": allowed.customers if allowed else 0,
        "recipients_count": allowed.recipients if allowed else 0,
        "last_released_at": released,
        "changed_at": feed.changed_at if feed else None,
    }


def _of_accounts(desk: Desk, stored: Feed | None) -> dict[str, Any]:
    """Of the accounts themselves: no feed, so nothing to switch, and part of whatever is shared."""
    return _masks(desk, ACCOUNTS, stored) | {
        "label": _("The accounts themselves"),
        "changed_at": stored.changed_at if stored else None,
    }


def _masks(desk: Desk, kind: str, stored: Feed | None) -> dict[str, Any]:
    masked = set(stored.masked_fields) if stored else set()
    return {
        "kind": kind,
        "masks_url": reverse("console:feed_masks", args=[desk.bank.slug, kind]),
        "example_url": _example_url(desk, kind, masked),
        "coarse": any(":" in name for name in MASKABLE[kind]),
        "hides": any(":" not in name for name in MASKABLE[kind]),
        "masks": [
            {
                "name": name,
                "label": MASK_WORDS[name],
                "masked": name in masked,
                "coarse": ":" in name,
            }
            for name in MASKABLE[kind]
        ],
    }


def _example_url(desk: Desk, kind: str, masked: set[str]) -> str:
    where = reverse("console:feed_example", args=[desk.bank.slug, kind])
    # What cannot be ticked is not sent along with the form.
    said = (
        ""
        if desk.may(Permission.MANAGE_FEEDS)
        else urlencode([("masked", each) for each in sorted(masked)])
    )
    return f"{where}?{said}" if said else where


@require_POST
@staff_page(Permission.MANAGE_FEEDS)
def feed(request: HttpRequest, desk: Desk, kind: str) -> HttpResponse:
    """Turn one feed on or off."""
    on = request.POST.get("enabled") == "on"
    try:
        with serving(desk.bank.id):
            changed = switch_feed(kind=kind, on=on)
    except NotFound as reason:
        raise Http404 from reason
    words = _("%(feed)s: on.") if on else _("%(feed)s: off. Nothing of it leaves from now on.")
    messages.success(request, words % {"feed": changed.get_kind_display()})
    return redirect(reverse("console:feeds", args=[desk.bank.slug]) + f"#{kind}")


@require_POST
@staff_page(Permission.MANAGE_FEEDS)
def feed_masks(request: HttpRequest, desk: Desk, kind: str) -> HttpResponse:
    """Which fields of one feed never leave."""
    if kind not in MASKABLE:
        raise Http404
    with serving(desk.bank.id):
        mask_feed(kind=kind, fields=request.POST.getlist("masked"))
    messages.success(request, _("Saved."))
    return redirect(reverse("console:feeds", args=[desk.bank.slug]) + f"#{kind}")
