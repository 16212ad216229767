"""What anybody may read of how we reach a bank: the public halves of our own keys there."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from partners.banks.models import Bank
from partners.integrations.queries import public_keys
from portal.rest.problems import NotFound, problem_response
from portal.tenancy.blocks import serving


@require_safe
def client_keys(_request: HttpRequest, slug: str) -> HttpResponse:
    """What the bank checks our assertions and certificates by; short-lived, as a key may change today."""
    bank = Bank.objects.filter(slug=slug).first()
    if bank is None:
        return problem_response(NotFound())
    with serving(bank.id):
        keys = public_keys()
    return JsonResponse({"keys": keys}, headers={"Cache-Control": "public, max-age=60"})
