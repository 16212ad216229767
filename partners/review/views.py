"""The console's page "To review": what may be one payment, and what contradicts what is stored."""

from collections import Counter
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.contrib import messages
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from partners.banks.access import Desk, staff_page
from partners.banks.paging import pager, place_of
from partners.banks.permissions import Permission
from partners.banks.queries import names_of
from partners.ledger.deciding import AlreadyDecided, CannotBeTaken
from partners.review import queries, words
from partners.review.actions import record_review, settle_conflict, settle_pair
from partners.review.forms import CONFLICT, PAIR, YES, DecisionForm, WantedForm
from portal.middleware import current_request_id
from portal.rest.problems import NotFound
from portal.tenancy.blocks import serving

Shown = dict[str, Any]


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def review(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Entries side by side, with what is to be decided of them. What is shown is on the record."""
    form = WantedForm(request.GET)
    if not form.is_valid():
        raise BadRequest
    kind, decided = form.cleaned_data["kind"] or PAIR, form.cleaned_data["decided"]
    asked = {"kind": kind} | ({"decided": "1"} if decided else {})
    bound_to = f"console:review:{desk.bank.id}:{kind}:{decided}"
    place = place_of(request, bound_to)
    at = timezone.now()
    with serving(desk.bank.id):
        read = queries.conflicts_page if kind == CONFLICT else queries.pairs_page
        page: Any = read(decided=decided, place=place)
        names = names_of({each.decided_by for each in page.rows})
        pairs, conflicts = queries.how_many_open()
        if page.rows:
            seen: dict[UUID, int] = Counter(each.account_id for each in page.rows)
            request_id = current_request_id()
            record_review(seen, staff_id=desk.staff.id, at=at, request_id=request_id)
        told = words.conflict_words if kind == CONFLICT else words.pair_words
        rows = [told(each, names) for each in page.rows]
    here = reverse("console:review", args=[desk.bank.slug])
    shown = desk.context("review") | {
        "rows": rows,
        "page": pager(page, bound_to=bound_to, asked=asked),
        "tabs": [_tab(here, name, asked) | {"n": n} for name, n in _kinds(pairs, conflicts)],
        "kind": kind,
        "decided": decided,
        "open_url": f"{here}?{urlencode({'kind': kind})}",
        "decided_url": f"{here}?{urlencode({'kind': kind, 'decided': '1'})}",
        "decide_url": reverse("console:review_decide", args=[desk.bank.slug]),
        "may_edit": desk.may(Permission.MANAGE_ENTRIES),
    }
    return render(request, "partners/review/review.html", shown)


def _kinds(pairs: int, conflicts: int) -> list[tuple[str, int]]:
    return [(PAIR, pairs), (CONFLICT, conflicts)]


def _tab(here: str, kind: str, asked: dict[str, str]) -> Shown:
    return {
        "label": _("Contradictions") if kind == CONFLICT else _("Perhaps one payment"),
        "url": f"{here}?{urlencode({'kind': kind})}",
        "current": asked["kind"] == kind,
    }


@require_POST
@staff_page(Permission.MANAGE_ENTRIES)
def decide(request: HttpRequest, desk: Desk) -> HttpResponse:
    """One payment or two; their version or ours."""
    form = DecisionForm(request.POST)
    if not form.is_valid():
        raise BadRequest
    said = form.cleaned_data
    try:
        _settle(said["kind"], said["id"], desk, yes=said["decision"] == YES)
        messages.success(request, _("Decided. It stands under “Decided”, with your name."))
    except NotFound as reason:
        raise Http404 from reason
    except AlreadyDecided:
        messages.info(request, _("Somebody has decided this meanwhile."))
    except CannotBeTaken:
        messages.error(request, _("This version is in another currency than the account."))
    here = reverse("console:review", args=[desk.bank.slug])
    return redirect(f"{here}?{urlencode({'kind': said['kind']})}")


def _settle(kind: str, row_id: UUID, desk: Desk, *, yes: bool) -> None:
    at = timezone.now()
    with serving(desk.bank.id):
        if kind == CONFLICT:
            settle_conflict(row_id, take=yes, staff_id=desk.staff.id, at=at)
        else:
            settle_pair(row_id, same=yes, staff_id=desk.staff.id, at=at)
