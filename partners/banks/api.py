"""What anybody may read of a bank: the keys that its words are signed with."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from partners.banks.keys import key_set
from partners.banks.models import Bank
from portal.rest.problems import NotFound, problem_response
from portal.tenancy.blocks import serving


@require_safe
def signing_keys(_request: HttpRequest, slug: str) -> HttpResponse:
    """A bank's public keys, those of a suspended bank too: what they signed stays good."""
    bank = Bank.objects.filter(slug=slug).first()
    if bank is None:
        return problem_response(NotFound())
    with serving(bank.id):
        keys = key_set()
    return JsonResponse(keys, headers={"Cache-Control": "public, max-age=300"})
