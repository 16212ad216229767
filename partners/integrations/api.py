"""What anybody may read of how we reach a bank: the public halves of our own keys there."""

from django.http import HttpRequest, HttpResponse

from partners.banks.published import published
from partners.integrations.queries import public_keys


def client_keys(request: HttpRequest, slug: str) -> HttpResponse:
    """What the bank checks our assertions and certificates by; short-lived, as a key may change today."""
    return published(request, slug, lambda: {"keys": public_keys()}, good_for=60)
