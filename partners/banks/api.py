"""What anybody may read of a bank: the keys that its words are signed with."""

from django.http import HttpRequest, HttpResponse

from partners.banks.keys import key_set
from partners.banks.published import published


def signing_keys(request: HttpRequest, slug: str) -> HttpResponse:
    """A bank's public keys, those of a suspended bank too: what they signed stays good."""
    return published(request, slug, key_set, good_for=300)
