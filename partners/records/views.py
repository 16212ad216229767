"""The customer's page "Your data": take a copy along, or have all of it erased; and a bank's legal hold."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import (
    Http404,
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    JsonResponse,
)
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.signin.limits import require_within
from accounts.signin.windows import customer_window, entered_window
from partners.banks.access import Desk, staff_page
from partners.banks.models import Bank
from partners.banks.permissions import Permission
from partners.banks.windows import in_window
from partners.records.actions import AlreadyHeld, lift_hold, place_hold, request_erasure
from partners.records.copying import Page, copy_of
from partners.records.evidence import signed_evidence
from partners.records.files import as_json, as_tables
from partners.records.forms import ErasureForm, HoldForm
from partners.records.models import ErasureJob
from partners.records.queries import erasure_of, how_many, tables
from partners.records.words import kept_words, part_words
from portal.rest.problems import NotFound, TooMany
from portal.rest.streaming import streamed
from portal.tenancy.blocks import serving

COPIES_AN_HOUR = 12
_FORMS: dict[str, tuple[Callable[..., Iterator[bytes]], str]] = {
    "json": (as_json, "application/json"),
    "zip": (as_tables, "application/zip"),
}


@require_GET
@never_cache
@customer_window
def records(request: HttpRequest) -> HttpResponse:
    """What is held of the customer, in numbers; the ways to take it along, or be rid of it."""
    with in_window(request) as customer:
        counted = _named(how_many())
        shown = {
            "bank": customer.bank,
            "parts": counted,
            "rows": sum(each["n"] for each in counted),
            "sharing_url": reverse("sharing"),
            "json_url": reverse("records_copy", args=["json"]),
            "zip_url": reverse("records_copy", args=["zip"]),
            "erase_url": reverse("records_erase"),
        }
        return render(request, "partners/records/records.html", shown)


@require_GET
@never_cache
@customer_window
def copy(request: HttpRequest, form: str) -> HttpResponseBase:
    """The copy as a file, written while it is read."""
    if form not in _FORMS:
        raise Http404
    window = entered_window(request)
    try:
        require_within(f"copy:{window.customer_id}", at_most=COPIES_AN_HOUR, seconds=3600)
    except TooMany as refused:
        answer = render(request, "429.html", status=429)
        answer["Retry-After"] = refused.headers["Retry-After"]
        return answer
    with in_window(request):
        at = timezone.now()
    write, content_type = _FORMS[form]
    pages: Iterable[Page] = copy_of(window.bank_id, window.customer_id, clock=timezone.now)
    name = f"my-data-{at:%Y-%m-%d}.{form}"
    return streamed(request, write(pages, made_at=at), name=name, content_type=content_type)


@require_http_methods(["GET", "POST"])
@never_cache
@customer_window
def erase(request: HttpRequest) -> HttpResponse:
    """GET says what goes, and what stays and why; POST begins it."""
    window = entered_window(request)
    form = ErasureForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        at = timezone.now()
        try:
            with serving(window.bank_id):
                request_erasure(customer_id=window.customer_id, by="customer", at=at)
        except NotFound as reason:
            raise Http404 from reason
        return redirect("records_erased")
    with in_window(request) as customer:
        shown = {
            "bank": customer.bank,
            "form": form,
            "kept": kept_words(tables()),
            "records_url": reverse("records"),
        }
        status = 400 if form.is_bound else 200
        return render(request, "partners/records/erase.html", shown, status=status)


@require_GET
@never_cache
@customer_window
def erased(request: HttpRequest) -> HttpResponse:
    """How far it is, while it runs; then what went, for the customer to keep."""
    found = _erasure(request)
    if found is None:
        return redirect("records")
    bank, job = found
    shown = {
        "bank": bank,
        "job": job,
        "parts": _named(job.erased),
        "kept": kept_words(tables()),
        "live_url": reverse("records_erased"),
        "evidence_url": reverse("records_evidence"),
    }
    part = "_erased" if request.headers.get("HX-Request") else "erased"
    return render(request, f"partners/records/{part}.html", shown)


@require_GET
@never_cache
@customer_window
def evidence(request: HttpRequest) -> HttpResponse:
    """The same as a file, signed: what went, when, and what stays and why."""
    found = _erasure(request)
    if found is None or found[1].status != ErasureJob.Status.DONE:
        return redirect("records_erased")
    bank, job = found
    with serving(bank.id):
        told = signed_evidence(job, bank=bank, at=timezone.now())
    response = JsonResponse(told, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="erasure-{job.id}.json"'
    return response


def _erasure(request: HttpRequest) -> tuple[Bank, ErasureJob] | None:
    """The erasure of whose window this is, if they asked for it; they themselves may be gone by now."""
    window = entered_window(request)
    with serving(window.bank_id):
        job = erasure_of(window.customer_id)
        return None if job is None else (Bank.objects.get(pk=window.bank_id), job)


def _named(counts: Mapping[str, int]) -> list[dict[str, Any]]:
    """How many rows, by what the reader calls them: what has one name is one."""
    named: Counter[str] = Counter()
    for part, n in counts.items():
        named[part_words(part)] += n
    return [{"label": label, "n": n} for label, n in sorted(named.items()) if n]


@require_POST
@staff_page(Permission.MANAGE_HOLDS)
def hold(request: HttpRequest, desk: Desk, customer_id: UUID) -> HttpResponseBase:
    """Keep all that is held of a customer, whatever they or the timetable ask, until it is lifted."""
    form = HoldForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("Say why it has to be kept."))
        return redirect("console:customer", desk.bank.slug, customer_id)
    try:
        with serving(desk.bank.id):
            place_hold(
                customer_id=customer_id,
                reason=form.cleaned_data["reason"],
                by=f"staff:{desk.staff.id}",
                at=timezone.now(),
            )
        messages.success(request, _("Kept until you lift it."))
    except AlreadyHeld:
        messages.info(request, _("It is kept already."))
    except NotFound as reason:
        raise Http404 from reason
    return redirect("console:customer", desk.bank.slug, customer_id)


@require_POST
@staff_page(Permission.MANAGE_HOLDS)
def lift(request: HttpRequest, desk: Desk, customer_id: UUID) -> HttpResponseBase:
    """The law does not ask for it any more."""
    try:
        with serving(desk.bank.id):
            lift_hold(customer_id=customer_id, by=f"staff:{desk.staff.id}", at=timezone.now())
    except NotFound as reason:
        raise Http404 from reason
    messages.success(request, _("Lifted. What waited for it goes on."))
    return redirect("console:customer", desk.bank.slug, customer_id)
