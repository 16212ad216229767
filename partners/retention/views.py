"""The console's page of retention: how long what nobody allows any more is kept, and what went."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import orjson
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from partners.banks.access import Desk, staff_page
from partners.banks.permissions import Permission
from partners.records.rules import as_cell
from partners.records.words import part_words
from partners.retention.actions import choose_days
from partners.retention.forms import RetentionForm
from partners.retention.models import Kept, RetentionRun
from partners.retention.queries import chosen_days, purposes_of, runs, runs_after
from partners.retention.rules import LIMITS, days_of
from partners.sharing.shapes import instant
from partners.sharing.words import purpose_words
from portal.rest.streaming import streamed
from portal.tenancy.blocks import serving

SHOWN = 35
_PAGE = 500
_COLUMNS = ("on", "kind", "rules", "started_at", "finished_at", "accounts", "held", "gone")
_MEDIA_TYPES = {"csv": "text/csv; charset=utf-8", "json": "application/json"}


@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_CHOICES, to_change=Permission.MANAGE_RETENTION)
def retention(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Days for each kind and purpose; POST changes them from the next run on."""
    with serving(desk.bank.id):
        chosen = chosen_days()
        purposes = {kind: purposes_of(kind) for kind in Kept.values}
        last = list(runs()[:SHOWN])
    offered = [
        (kind, purpose, days_of(chosen, kind, purpose))
        for kind in Kept.values
        for purpose in purposes[kind]
    ]
    form = RetentionForm(request.POST if request.method == "POST" else None, offered=offered)
    if form.is_valid():
        with serving(desk.bank.id):
            for kind, purpose, days in form.chosen():
                choose_days(
                    kind=kind,
                    purpose=purpose,
                    days=days,
                    by=f"staff:{desk.staff.id}",
                    at=timezone.now(),
                )
        messages.success(request, _("Saved. It holds from the next run on."))
        return redirect("console:retention", desk.bank.slug)
    may_edit = desk.may(Permission.MANAGE_RETENTION)
    for field in form.fields.values():
        field.disabled = not may_edit
    shown = desk.context("retention") | {
        "kinds": [_kind(Kept(kind), purposes[kind], form) for kind in Kept.values],
        "runs": [_run(each) for each in last],
        "may_edit": may_edit,
        "csv_url": reverse("console:retention_evidence", args=[desk.bank.slug, "csv"]),
        "json_url": reverse("console:retention_evidence", args=[desk.bank.slug, "json"]),
    }
    page = "partners/retention/retention.html"
    return render(request, page, shown, status=400 if form.is_bound else 200)


def _kind(kind: Kept, purposes: Mapping[str, str], form: RetentionForm) -> dict[str, Any]:
    limits = LIMITS[kind.value]
    return {
        "label": kind.label,
        "is_raw": kind is Kept.RAW,
        "is_names": kind is Kept.NAMES,
        "limits": limits,
        "fields": [
            {
                "label": purpose_words(purpose, title) if purpose else _("Whatever it was for"),
                "field": form[f"{kind.value}:{purpose}"],
            }
            for purpose, title in purposes.items()
        ],
    }


def _run(run: RetentionRun) -> dict[str, Any]:
    return {
        "on": run.on,
        "kind": run.get_kind_display(),
        "is_over": run.finished_at is not None,
        "held": run.held,
        "gone": [{"label": part_words(part), "n": n} for part, n in sorted(run.gone.items())],
    }


@require_GET
@staff_page(Permission.VIEW_CHOICES)
def retention_evidence(request: HttpRequest, desk: Desk, form: str) -> HttpResponseBase:
    """Every run as a file, oldest first: counts, rules, and nothing of a customer's."""
    if form not in _MEDIA_TYPES:
        raise Http404
    rows = _rows(desk.bank.id)
    lines = _as_table(rows) if form == "csv" else _as_list(rows)
    name = f"{desk.bank.slug}-retention-{timezone.localdate():%Y-%m-%d}.{form}"
    return streamed(request, lines, name=name, content_type=_MEDIA_TYPES[form])


def _rows(bank_id: UUID) -> Iterator[dict[str, Any]]:
    last: UUID | None = None
    while True:
        with serving(bank_id):
            found = list(runs_after(last, limit=_PAGE))
        for each in found:
            yield _row(each)
        if len(found) < _PAGE:
            return
        last = found[-1].id


def _row(run: RetentionRun) -> dict[str, Any]:
    return {
        "on": run.on.isoformat(),
        "kind": run.kind,
        "rules": run.rules,
        "started_at": instant(run.started_at),
        "finished_at": instant(run.finished_at),
        "accounts": run.accounts,
        "held": run.held,
        "gone": run.gone,
    }


def _as_list(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    before = b"[\n"
    for each in rows:
        yield before + orjson.dumps(each)
        before = b",\n"
    yield b"\n]\n" if before != b"[\n" else b"[]\n"


def _as_table(rows: Iterable[Mapping[str, Any]]) -> Iterator[bytes]:
    yield _line(_COLUMNS)
    for each in rows:
        flat = dict(each) | {name: orjson.dumps(each[name]).decode() for name in ("rules", "gone")}
        yield _line([as_cell(flat[name]) for name in _COLUMNS])


def _line(cells: Iterable[str]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow(cells)
    return line.getvalue().encode()
