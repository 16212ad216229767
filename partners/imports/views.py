"""The console's pages of statement files: bring one, see how far it is read, say what a table's columns are."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.decorators import decorator_from_middleware
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from partners.banks.access import Desk, staff_page
from partners.banks.paging import newest_first, pager, place_of
from partners.banks.permissions import Permission
from partners.imports import files
from partners.imports.actions import choose_mapping, try_again
from partners.imports.files import FileTooLarge
from partners.imports.forms import MappingForm
from partners.imports.models import StatementImport
from partners.imports.queries import get_import, imports
from partners.imports.reading import Table, table_of
from partners.imports.receiving import Errand, take_in
from partners.imports.uploads import SealingHandler, sealing
from partners.imports.words import COUNTS, FORMATS, TONES, progress_of, why_words
from partners.statements.base import Malformed
from portal.middleware import HostCsrfMiddleware
from portal.rest.problems import NotFound, Problem
from portal.secrets.sealing import SecretUnreadable
from portal.tenancy.blocks import serving

SHOWN, PREVIEWED = 25, 8
_checked = decorator_from_middleware(HostCsrfMiddleware)


# The check of a form's origin reads the form, and so the file: it comes once it is known who sends it, and how large
# it is.
@csrf_exempt
@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_CHOICES, to_change=Permission.MANAGE_INTEGRATION)
def statement_files(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """What was brought, newest first; POST brings another."""
    if request.method != "POST":
        return _list(request, desk)
    try:
        handler = sealing(request, bank_id=desk.bank.id)
    except FileTooLarge as refused:
        return _refused(request, desk, refused.detail, 413)
    try:
        answer: HttpResponseBase = _checked(_bring)(request, desk, handler)
    finally:
        # What is kept was taken out of its hands.
        handler.abandon()
    return answer


def _bring(request: HttpRequest, desk: Desk, handler: SealingHandler) -> HttpResponse:
    account = request.POST.get("account", "")
    if handler.is_too_large:
        return _refused(request, desk, FileTooLarge().detail, 413)
    coming = handler.coming
    if coming is None:
        return _refused(request, desk, _("Choose a file."), 400)
    row, is_new = take_in(
        Errand(desk.bank.id, StatementImport.Door.CONSOLE, f"staff:{desk.staff.id}"),
        coming,
        file_name=handler.name,
        account=account,
        at=timezone.now(),
    )
    handler.coming = None
    if not is_new:
        when = date_format(timezone.localtime(row.received_at), "DATETIME_FORMAT")
        messages.info(request, _("This file was imported already, on %(when)s.") % {"when": when})
    where = _url(desk, row)
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"url": where})
    return redirect(where)


def _refused(request: HttpRequest, desk: Desk, words: str, status: int) -> HttpResponse:
    if request.headers.get("Accept") == "application/json":
        return JsonResponse({"problem": words}, status=status)
    return _list(request, desk, problem=words, status=status)


def _list(
    request: HttpRequest, desk: Desk, *, problem: str = "", status: int = 200
) -> HttpResponse:
    bound_to = f"console:statement_files:{desk.bank.id}"
    place = place_of(request, bound_to)
    with serving(desk.bank.id):
        page = newest_first(imports(), size=SHOWN, place=place)
    shown = desk.context("statement_files") | {
        "imports": [_row(desk, each) for each in page.rows],
        "page": pager(page, bound_to=bound_to, asked={}),
        "limit_mb": settings.IMPORT_LIMIT // 1_000_000,
        "limit": settings.IMPORT_LIMIT,
        "may_edit": desk.may(Permission.MANAGE_INTEGRATION),
        "problem": problem,
    }
    return render(request, "partners/imports/statement_files.html", shown, status=status)


def _url(desk: Desk, row: StatementImport) -> str:
    return reverse("console:statement_file", args=[desk.bank.slug, row.id])


def _row(desk: Desk, row: StatementImport) -> dict[str, Any]:
    done, total = progress_of(row)
    return {
        "url": _url(desk, row),
        "name": row.file_name or _("Without a name"),
        "door_label": row.get_door_display(),
        "format_label": FORMATS.get(row.format, ""),
        "state": row.state,
        "state_label": row.get_state_display(),
        "tone": TONES[row.state],
        "received_at": row.received_at,
        "finished_at": row.finished_at,
        "size": row.size,
        "entries": row.entries,
        "added": row.added,
        "balances": row.balances,
        "is_over": row.is_over,
        "is_storing": row.checked_at is not None,
        "done": done,
        "total": total,
        "percent": done * 100 // total,
        "fault": row.get_fault_display(),
        "refused_where": row.refused_where,
        "refused_reason": row.refused_reason,
        "note": _note(row, done * 100 // total),
    }


def _note(row: StatementImport, percent: int) -> str:
    """What there is to say of its state in a line."""
    if row.state == StatementImport.State.REFUSED:
        return f"{row.refused_where}: {row.refused_reason}"
    if row.state == StatementImport.State.FAILED:
        return row.get_fault_display()
    if row.state == StatementImport.State.READING:
        return f"{percent} %"
    return "" if row.balances else _("does not balance")


@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_CHOICES, to_change=Permission.MANAGE_INTEGRATION)
def statement_file(request: HttpRequest, desk: Desk, import_id: UUID) -> HttpResponse:
    """One file: what was in it, and what became of that; POST says what a table's columns are, or has it read again."""
    row = _get(desk, import_id)
    form, table = _form(request, desk, row)
    if form is not None and table is not None and request.method == "POST":
        if form.is_valid() and _say_columns(request, desk, row, form, table):
            return redirect(_url(desk, row))
    elif request.method == "POST":
        if row.state == StatementImport.State.FAILED:
            _try_again(request, desk, row)
        return redirect(_url(desk, row))
    shown = desk.context("statement_files") | _details(desk, row)
    shown |= {"form": form, "table": table and _preview(table)}
    refused = form is not None and form.is_bound
    page = "partners/imports/statement_file.html"
    return render(request, page, shown, status=400 if refused else 200)


def _try_again(request: HttpRequest, desk: Desk, row: StatementImport) -> None:
    with serving(desk.bank.id):
        try_again(import_id=row.id, by=f"staff:{desk.staff.id}", at=timezone.now())
    messages.success(request, _("The file is read again, from where it stood."))


@require_GET
@staff_page(Permission.VIEW_CHOICES)
def statement_file_progress(request: HttpRequest, desk: Desk, import_id: UUID) -> HttpResponse:
    """How far one file is read, for the page to renew itself; whole again once it is."""
    row = _get(desk, import_id)
    if row.is_over or row.state in {
        StatementImport.State.NEEDS_MAPPING,
        StatementImport.State.FAILED,
    }:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "partners/imports/_progress.html", _details(desk, row))


def _get(desk: Desk, import_id: UUID) -> StatementImport:
    try:
        with serving(desk.bank.id):
            return get_import(import_id)
    except NotFound as reason:
        raise Http404 from reason


def _details(desk: Desk, row: StatementImport) -> dict[str, Any]:
    return {
        "file": _row(desk, row)
        | {
            "sha256": row.sha256,
            "statements": row.statements,
            "mapping_name": row.mapping_name,
            "given_mask": row.given_mask,
        },
        "counts": [{"label": label, "n": getattr(row, name)} for name, label in COUNTS],
        "left_out": [
            {"mask": mask or "—", "why": why_words(why), "n": n} for mask, why, n in row.left_out
        ],
        "problems": [{"where": where, "reason": reason} for where, reason in row.problems],
        "progress_url": reverse("console:statement_file_progress", args=[desk.bank.slug, row.id]),
        "files_url": reverse("console:statement_files", args=[desk.bank.slug]),
        "may_edit": desk.may(Permission.MANAGE_INTEGRATION),
    }


# --- tables ---------------------------------------------------------------------------------------


def _form(
    request: HttpRequest, desk: Desk, row: StatementImport
) -> tuple[MappingForm | None, Table | None]:
    if row.state != StatementImport.State.NEEDS_MAPPING:
        return None, None
    try:
        with files.opened(bank_id=desk.bank.id, import_id=row.id) as source:
            table = table_of(source)
    except (FileNotFoundError, SecretUnreadable, Malformed):
        return None, None
    form = MappingForm(
        request.POST if request.method == "POST" else None,
        guessed=table.guessed,
        labels=_labels(table),
        mask=row.given_mask,
    )
    if not desk.may(Permission.MANAGE_INTEGRATION):
        for field in form.fields.values():
            field.disabled = True
    return form, table


def _labels(table: Table) -> list[str]:
    width = max([len(table.names), *(len(each) for each in table.rows[:PREVIEWED])])
    names = [*table.names, *[""] * width][:width]
    return [
        f"{place + 1}: {name}" if name else _("Column %(n)d") % {"n": place + 1}
        for place, name in enumerate(names)
    ]


def _preview(table: Table) -> dict[str, Any]:
    labels = _labels(table)
    return {
        "labels": labels,
        "rows": [[*each, *[""] * len(labels)][: len(labels)] for each in table.rows[:PREVIEWED]],
        "doubts": table.guessed.doubts,
    }


def _say_columns(
    request: HttpRequest, desk: Desk, row: StatementImport, form: MappingForm, table: Table
) -> bool:
    try:
        with serving(desk.bank.id):
            choose_mapping(
                import_id=row.id,
                columns=form.mapping(),
                header=table.header,
                name=form.cleaned_data["name"],
                account=form.cleaned_data["account"],
                by=f"staff:{desk.staff.id}",
                at=timezone.now(),
            )
    except Problem as refused:
        form.add_error("account", refused.detail or refused.title)
        return False
    messages.success(request, _("Saved. The file is being read."))
    return True
