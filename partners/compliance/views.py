"""The console's pages by which a bank answers for what it shares: with whom, what, when and why."""

from collections.abc import Mapping
from datetime import date
from typing import Any
from urllib.parse import urlencode
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson
from django.core.exceptions import BadRequest
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.disclosure.actions import record_staff_look
from accounts.disclosure.checking import check_record
from accounts.disclosure.exporting import MEDIA_TYPE, in_lines
from accounts.disclosure.models import Disclosure
from accounts.disclosure.nothing import can_be_stated, ends_of, statement_lines
from accounts.disclosure.queries import STAFF, times_of
from accounts.disclosure.words import record_check_words
from partners.banks.access import Desk, staff_page
from partners.banks.paging import pager, place_of
from partners.banks.permissions import Permission
from partners.banks.rules import masked_name
from partners.compliance import queries, words
from partners.compliance.finding import found_lines
from partners.compliance.forms import PeriodForm, SearchForm
from partners.compliance.queries import ALL_STAFF, Subject
from partners.compliance.reporting import report_body, report_of, report_table
from partners.compliance.rules import Period
from partners.console.queries import (
    DisclosureFilter,
    disclosures_page,
    purpose_titles,
    recipient_names,
)
from partners.console.words import CODE_WORDS, Beside
from partners.feeds.models import FeedKind
from partners.records.evidence import signed_evidence
from partners.records.models import ErasureJob
from portal.middleware import current_request_id
from portal.rest.streaming import streamed
from portal.tenancy.blocks import serving

Shown = dict[str, Any]
# Of the record, as what looks at it is noted.
CONSOLE = "console"


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def recipients(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Everyone who may read something of customers', what for, under how many consents, and how often."""
    with serving(desk.bank.id):
        found = queries.recipients(today=_today(desk), at=timezone.now())
    rows = words.recipient_rows(found)
    shown = desk.context("recipients") | {
        "recipients": rows,
        "feeds": [
            {"label": label, "on": code in found.feeds_on} for code, label in FeedKind.choices
        ],
        "shares_nothing": not found.feeds_on,
        "consents": sum(each["consents"] for each in rows),
        "feeds_url": reverse("console:feeds", args=[desk.bank.slug])
        if desk.may(Permission.VIEW_CHOICES)
        else "",
    }
    return render(request, "partners/compliance/recipients.html", shown)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def search(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What was shared about a customer in a time, with whom and why; the look itself is on the record."""
    form = SearchForm(request.GET, today=_today(desk))
    shown = desk.context("search") | _asked_for(desk, form) | {"form": form}
    if not form.is_valid():
        return render(request, "partners/compliance/search.html", shown, status=400)
    found = _found(request, desk, form)
    status = 404 if found["nobody"] else 200
    return render(request, "partners/compliance/search.html", shown | found, status=status)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def search_table(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """The same as a file, every record of it, streamed."""
    form = SearchForm(request.GET, today=_today(desk))
    if not form.is_valid():
        raise BadRequest
    said, period = form.cleaned_data, _period(desk, form)
    with serving(desk.bank.id):
        subject = _subject(desk, said["customer"])
    if said["customer"] and subject is None:
        raise Http404
    wanted = _wanted(said, subject)
    name = f"{desk.bank.slug}-shared-{period.since}-{period.until}.csv"
    lines = found_lines(desk.bank.id, wanted, period)
    return streamed(request, lines, name=name, content_type="text/csv; charset=utf-8")


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def record(request: HttpRequest, desk: Desk, disclosure_id: UUID) -> HttpResponse:
    """One record in words, and whether it stands in the chain as it was sealed."""
    now = timezone.now()
    with serving(desk.bank.id):
        found = Disclosure.objects.filter(pk=disclosure_id).first()
        if found is None:
            raise Http404
        names = recipient_names([found.recipient])
        beside = Beside(names, purpose_titles(), times_of([found]))
        consents = queries.consents_in([found.consent_id])
    checked = check_record(desk.bank.id, found.id, at=now)
    slug = desk.bank.slug
    shown = desk.context("search") | {
        "row": words.found_row(found, beside, consents, at=now),
        "accounts": found.account_ids,
        "pseudonym": found.pseudonym,
        "check": record_check_words(checked),
        "search_url": f"{reverse('console:search', args=[slug])}?customer={found.pseudonym}"
        if found.pseudonym
        else "",
        "check_url": reverse("console:disclosures_check", args=[slug]),
        "disclosures_url": reverse("console:disclosures", args=[slug]),
    }
    return render(request, "partners/compliance/record.html", shown)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def report(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What was shared in a time, with whom, for what and how often: to read, to print, to take along."""
    form = PeriodForm(request.GET, today=_today(desk))
    shown = desk.context("report") | {"form": form, "asked": _asked(form)}
    if not form.is_valid():
        return render(request, "partners/compliance/report.html", shown, status=400)
    period, at = _period(desk, form), timezone.now()
    with serving(desk.bank.id):
        read = report_of(desk.bank, period, at=at)
        grew = ends_of(period.begin, period.end).span
        shares_nothing = queries.shares_nothing()
    days = urlencode({"since": period.since.isoformat(), "until": period.until.isoformat()})
    named = [desk.bank.slug]
    shown |= words.report_words(read, form.today) | {
        "bank_name": desk.bank.name,
        "shares_nothing": shares_nothing,
        "nothing": words.nothing_words(read, grew, at=at),
        "statement_url": f"{reverse('console:statement', args=named)}?{days}",
        "json_url": f"{reverse('console:report_file', args=[*named, 'json'])}?{days}",
        "csv_url": f"{reverse('console:report_file', args=[*named, 'csv'])}?{days}",
        "export_url": reverse("console:disclosures_export", args=named),
        "check_url": reverse("console:disclosures_check", args=named),
    }
    return render(request, "partners/compliance/report.html", shown)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def report_file(request: HttpRequest, desk: Desk, form: str) -> HttpResponse:
    """The report as JSON, which `verify.py` counts again from the export, or as a table."""
    period = _good_period(request, desk)
    with serving(desk.bank.id):
        read = report_of(desk.bank, period, at=timezone.now())
    if form == "json":
        body = orjson.dumps(report_body(desk.bank, read), option=orjson.OPT_INDENT_2)
        kind = "application/json"
    elif form == "csv":
        body, kind = report_table(desk.bank, read), "text/csv; charset=utf-8"
    else:
        raise Http404
    response = HttpResponse(
        body, content_type=kind, headers={"Cache-Control": "private, no-store"}
    )
    name = f"{desk.bank.slug}-report-{period.since}-{period.until}.{form}"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def statement(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """The bank's signed word that it shared nothing in a time; 404 where it did, or the time is not over."""
    period, at = _good_period(request, desk), timezone.now()
    with serving(desk.bank.id):
        shared = queries.was_shared(period)
    if shared or not can_be_stated(period.end, at=at):
        raise Http404
    lines = statement_lines(desk.bank.id, begin=period.begin, end=period.end, at=at)
    name = f"{desk.bank.slug}-shared-nothing-{period.since}-{period.until}.jsonl"
    return streamed(request, in_lines(lines), name=name, content_type=MEDIA_TYPE)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def erasures(request: HttpRequest, desk: Desk) -> HttpResponse:
    """What customers had erased, how far each is, and whom the bank has to keep."""
    bound_to = f"console:erasures:{desk.bank.id}"
    place = place_of(request, bound_to)
    with serving(desk.bank.id):
        page = queries.erasures_page(place)
        holds = queries.holds_in_force()
    may_see = desk.may(Permission.VIEW_CUSTOMERS)
    shown = desk.context("erasures") | {
        "erasures": [
            words.erasure_row(each, desk.bank.slug, may_see=may_see) for each in page.rows
        ],
        "page": pager(page, bound_to=bound_to, asked={}),
        "holds": [words.hold_row(each, desk.bank.slug, may_see=may_see) for each in holds],
        "holds_are_cut": len(holds) == queries.MOST_HOLDS,
    }
    return render(request, "partners/compliance/erasures.html", shown)


@require_GET
@staff_page(Permission.VIEW_DISCLOSURES)
def erasure_evidence(
    request: HttpRequest,  # noqa: ARG001  # every page's shape
    desk: Desk,
    erasure_id: UUID,
) -> HttpResponse:
    """What an erasure left as its evidence, signed: the same as its customer was given."""
    with serving(desk.bank.id):
        job = queries.find_erasure(erasure_id)
        if job is None:
            raise Http404
        if job.status != ErasureJob.Status.DONE:
            return redirect("console:erasures", desk.bank.slug)
        told = signed_evidence(job, bank=desk.bank, at=timezone.now())
    response = JsonResponse(told, json_dumps_params={"indent": 2})
    response["Content-Disposition"] = f'attachment; filename="erasure-{job.id}.json"'
    return response


def _good_period(request: HttpRequest, desk: Desk) -> Period:
    form = PeriodForm(request.GET, today=_today(desk))
    if not form.is_valid():
        raise BadRequest
    return _period(desk, form)


def _asked_for(desk: Desk, form: SearchForm) -> Shown:
    """The form as it was sent, and what it offers."""
    with serving(desk.bank.id):
        known = queries.known_recipients()
        names = recipient_names(known)
    return {
        "asked": _asked(form),
        "recipients": words.recipient_options(known, names),
        "feeds": [{"code": code, "label": label} for code, label in CODE_WORDS.items()],
        "customers_url": reverse("console:customers", args=[desk.bank.slug]),
    }


def _found(request: HttpRequest, desk: Desk, form: SearchForm) -> Shown:
    said, period, now = form.cleaned_data, _period(desk, form), timezone.now()
    asked = _asked(form)
    bound_to = f"console:search:{desk.bank.id}:{urlencode(asked)}"
    place = place_of(request, bound_to)
    with serving(desk.bank.id):
        subject = _subject(desk, said["customer"])
        if said["customer"] and subject is None:
            return {"nobody": True, "period": period}
        wanted = _wanted(said, subject)
        totals = queries.totals_of(wanted, period)
        page = disclosures_page(wanted, zone=period.zone, place=place)
        named = {each.recipient for each in totals} | {each.recipient for each in page.rows}
        beside = Beside(recipient_names(named), purpose_titles(), times_of(page.rows))
        consents = queries.consents_in(each.consent_id for each in page.rows)
    table = reverse("console:search_table", args=[desk.bank.slug])
    return {
        "nobody": False,
        "period": period,
        "periods": words.period_words(period, form.today),
        "subject": subject and _subject_words(desk, subject),
        "sums": words.sums_of(totals),
        "totals": [words.total_row(each, beside) for each in totals],
        "rows": [words.found_row(each, beside, consents, at=now) for each in page.rows],
        "page": pager(page, bound_to=bound_to, asked=asked),
        "is_first": place is None,
        "table_url": f"{table}?{urlencode(asked)}",
        "slug": desk.bank.slug,
    }


def _subject(desk: Desk, text: str) -> Subject | None:
    """Whom it is about; that somebody looks is written down with it."""
    subject = queries.find_subject(text.strip()) if text.strip() else None
    if subject is not None:
        record_staff_look(
            staff_id=desk.staff.id,
            pseudonym=subject.pseudonym,
            door=CONSOLE,
            at=timezone.now(),
            request_id=current_request_id(),
        )
    return subject


def _subject_words(desk: Desk, subject: Subject) -> Shown:
    customer = subject.customer
    may_see = customer is not None and desk.may(Permission.VIEW_CUSTOMERS)
    return {
        "pseudonym": subject.pseudonym,
        "name": masked_name(customer.display_name) if customer else "",
        "reference": customer.external_id if customer else "",
        "url": reverse("console:customer", args=[desk.bank.slug, customer.id])
        if customer and may_see
        else "",
    }


def _wanted(said: Mapping[str, Any], subject: Subject | None) -> DisclosureFilter:
    recipient = STAFF if said["recipient"] == ALL_STAFF else said["recipient"]
    return DisclosureFilter(
        decision=said["decision"],
        feed=said["feed"],
        since=said["since"],
        until=said["until"],
        pseudonym=None if subject is None else subject.pseudonym,
        recipient=recipient,
    )


def _asked(form: PeriodForm) -> dict[str, str]:
    given = {name: form.data.get(name, "") for name in form.fields}
    return {name: value for name, value in given.items() if value}


def _period(desk: Desk, form: PeriodForm) -> Period:
    said = form.cleaned_data
    return Period(said["since"], said["until"], ZoneInfo(desk.bank.time_zone))


def _today(desk: Desk) -> date:
    return timezone.now().astimezone(ZoneInfo(desk.bank.time_zone)).date()
