"""The demonstration's "Tamper": a record rewritten behind the portal's back, so that people see the chain break.

As the owner of the database, past all that holds the runtime role. Only where `PORTAL_TAMPERING` allows it,
which production refuses; what the record said is kept, so that it can be put back.
"""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.cache import cache
from django.db import connections, transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST

from accounts.disclosure.queries import tampered_key
from accounts.signin.windows import customer_window, entered_window
from partners.banks.access import Desk, staff_page
from partners.banks.permissions import Permission
from partners.banks.windows import in_window
from partners.console.views import check_context as of_bank
from partners.sharing.views import check_context as of_customer

_PICK = """
    SELECT id, row_count FROM accounts_disclosure
    WHERE id IN (SELECT id FROM accounts_leaf WHERE %s::uuid IS NULL OR pseudonym = %s::uuid)
    ORDER BY id DESC OFFSET %s LIMIT 1
"""
_COUNT = """
    SELECT count(*) FROM accounts_leaf
    WHERE kind = 'disclosure/1' AND (%s::uuid IS NULL OR pseudonym = %s::uuid)
"""
_WRITE = "UPDATE accounts_disclosure SET row_count = %s WHERE id = %s"


def tampered(bank_id: UUID) -> dict[str, Any] | None:
    """Which record was rewritten, and what it said; None where none is."""
    found: dict[str, Any] | None = cache.get(tampered_key(bank_id))
    return found


def tamper_or_restore(bank_id: UUID, pseudonym: UUID | None) -> None:
    """Rewrite a record from the middle of the log, of one customer where one is named; or put it back."""
    before = tampered(bank_id)
    with transaction.atomic(using="owner"), connections["owner"].cursor() as cursor:
        cursor.execute(f"SET LOCAL portal.bank_id = '{UUID(str(bank_id))}'")
        cursor.execute("SET LOCAL portal.reach = 'bank'")
        if before is not None:
            cursor.execute(_WRITE, [before["row_count"], before["id"]])
            cache.delete(tampered_key(bank_id))
            return
        cursor.execute(_COUNT, [pseudonym, pseudonym])
        cursor.execute(_PICK, [pseudonym, pseudonym, cursor.fetchone()[0] // 2])
        found = cursor.fetchone()
        if found is None:
            return
        row_id, row_count = found
        cache.set(tampered_key(bank_id), {"id": str(row_id), "row_count": row_count}, timeout=None)
        cursor.execute(_WRITE, [row_count + 1, row_id])


@require_POST
@customer_window
def tamper_in_window(request: HttpRequest) -> HttpResponseBase:
    """With the customer's own page."""
    _require_allowed()
    window = entered_window(request)
    with in_window(request) as customer:
        pseudonym = customer.pseudonym
    tamper_or_restore(window.bank_id, pseudonym)
    return _answer(request, lambda: of_customer(request), "sharing")


@require_POST
@staff_page(Permission.VIEW_DISCLOSURES)
def tamper_in_console(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """With the bank's page."""
    _require_allowed()
    tamper_or_restore(desk.bank.id, None)
    page = reverse("console:disclosures", args=[desk.bank.slug])
    return _answer(request, lambda: of_bank(desk), page)


def _require_allowed() -> None:
    if not settings.TAMPERING:
        raise Http404


def _answer(
    request: HttpRequest, context: Callable[[], dict[str, Any]], page: str
) -> HttpResponse:
    if request.htmx:  # type: ignore[attr-defined]  # its middleware's
        return render(request, "accounts/disclosure/_check.html", context())
    return redirect(page)
