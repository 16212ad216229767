"""What anybody may read of a bank: named by its slug, counted by address, good for a little while."""

from collections.abc import Callable, Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse

from accounts.signin.limits import require_within
from partners.banks.models import Bank
from portal.rest.problems import MethodNotAllowed, NotFound, Problem, problem_response
from portal.tenancy.blocks import serving

Said = Callable[[], Mapping[str, Any]]
AT_MOST, SECONDS = 600, 60


def published(request: HttpRequest, slug: str, said: Said, *, good_for: int) -> HttpResponse:
    """What is said in the bank's block, a suspended bank's too; good for so many seconds."""
    try:
        body = _said_of(request, slug, said)
    except Problem as refused:
        return problem_response(refused)
    return JsonResponse(body, headers={"Cache-Control": f"public, max-age={good_for}"})


def _said_of(request: HttpRequest, slug: str, said: Said) -> Mapping[str, Any]:
    if request.method not in {"GET", "HEAD"}:
        raise MethodNotAllowed(headers={"Allow": "GET, HEAD"})
    address = request.META.get("REMOTE_ADDR", "")
    require_within(f"keys:{address}", at_most=AT_MOST, seconds=SECONDS)
    bank = Bank.objects.filter(slug=slug).first()
    if bank is None:
        raise NotFound
    with serving(bank.id):
        return said()
