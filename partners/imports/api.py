"""The doors by which a bank's own systems bring statement files and see what became of them."""

import re
from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import unquote
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from partners.banks.models import Bank
from partners.banks.queries import find_bank
from partners.imports.bearers import require_bank
from partners.imports.files import require_size
from partners.imports.models import StatementImport
from partners.imports.queries import get_import
from partners.imports.receiving import Errand, incoming, pieces, take_in, why_refused
from partners.imports.words import progress_of
from partners.sharing.shapes import instant
from portal.rest.problems import (
    Invalid,
    MethodNotAllowed,
    NotFound,
    Problem,
    UnsupportedMediaType,
    problem_response,
)
from portal.tenancy.blocks import serving
from portal.uploads import BrokenOff

TAKEN = re.compile(
    r"application/(octet-stream|xml|x-ofx|vnd\.intu\.qfx|x-qfx)|text/(csv|plain|xml|x-ofx)"
)
_NAME = re.compile(r"filename\*?=(?:UTF-8'')?\"?([^\";]+)", re.IGNORECASE)

View = Callable[..., HttpResponse]


class NotAStatement(Problem):
    """By how it begins: packed, a picture, empty; what it is, and what to do, is in `detail`."""

    slug = "not-a-statement"
    title = "This is no statement file that we read"
    status = 422


def _of_bank(method: str) -> Callable[[View], View]:
    """Let in the bank of the address, by its own token, for one method; what is refused is a problem."""

    def wrap(view: View) -> View:
        @csrf_exempt
        @wraps(view)
        def door(request: HttpRequest, slug: str, **arguments: Any) -> HttpResponse:
            try:
                if request.method != method:
                    raise MethodNotAllowed(headers={"Allow": method})
                bank = find_bank(slug)
                if bank is None:
                    raise NotFound
                require_bank(bank, request.headers.get("Authorization", ""), at=timezone.now())
                return view(request, bank, **arguments)
            except Problem as refused:
                return problem_response(refused)

        return door

    return wrap


@_of_bank("POST")
def bring_statement(request: HttpRequest, bank: Bank) -> HttpResponse:
    """`POST /banks/<slug>/statement-imports`: the file is the body. 202 and where to look; 200 where it was brought before."""
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise UnsupportedMediaType("Send the file as it is, not packed.")
    if not TAKEN.fullmatch(request.content_type or ""):
        raise UnsupportedMediaType("Send the file itself, such as application/octet-stream.")
    require_size(request.headers.get("Content-Length"))
    account = request.headers.get("Statement-Account", "")
    try:
        with incoming(bank.id) as coming:
            for piece in pieces(request):
                coming.write(piece)
            refused = why_refused(coming)
            if refused is not None:
                raise NotAStatement(refused.reason)
            row, is_new = take_in(
                Errand(bank.id, StatementImport.Door.API, "bank"),
                coming,
                file_name=_file_name(request),
                account=account,
                at=timezone.now(),
            )
    except BrokenOff:
        raise Invalid("The connection ended before the file did.") from None
    where = f"{settings.API_ORIGIN}/banks/{bank.slug}/statement-imports/{row.id}"
    return JsonResponse(body_of(row), status=202 if is_new else 200, headers={"Location": where})


@_of_bank("GET")
def statement_import(request: HttpRequest, bank: Bank, import_id: UUID) -> HttpResponse:  # noqa: ARG001  # Django's shape
    """`GET /banks/<slug>/statement-imports/<id>`: how far it is, and what became of its entries."""
    with serving(bank.id):
        row = get_import(import_id)
    return JsonResponse(body_of(row), headers={"Cache-Control": "no-store"})


def body_of(row: StatementImport) -> dict[str, Any]:
    """An import as the bank is told of it; of accounts that nobody linked the last digits alone."""
    done, total = progress_of(row)
    refusal = {"where": row.refused_where, "reason": row.refused_reason}
    return {
        "id": str(row.id),
        "state": row.state,
        "format": row.format or None,
        "file_name": row.file_name,
        "sha256": row.sha256,
        "size": row.size,
        "received_at": instant(row.received_at),
        "finished_at": instant(row.finished_at),
        "progress": {
            "step": "checking" if row.checked_at is None else "storing",
            "done": done,
            "total": total,
        },
        "balances": row.balances,
        "counts": {
            name: getattr(row, name)
            for name in (
                *("statements", "entries", "added", "known", "changed"),
                *("set_aside", "too_old", "not_linked"),
            )
        },
        "left_out": [{"account": mask, "why": why, "entries": n} for mask, why, n in row.left_out],
        "problems": [{"where": where, "reason": reason} for where, reason in row.problems],
        "refused": refusal if row.refused_reason else None,
        "fault": row.fault or None,
    }


def _file_name(request: HttpRequest) -> str:
    found = _NAME.search(request.headers.get("Content-Disposition", ""))
    return unquote(found[1]).strip() if found else ""
