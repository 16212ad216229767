"""What every page may use: the product's name, which stands in one setting."""

from django.conf import settings
from django.http import HttpRequest


def names(request: HttpRequest) -> dict[str, str]:  # noqa: ARG001 - the shape of a context processor
    return {"portal_name": settings.PORTAL_NAME}
