"""What every page may use: the product's name, which stands in one setting."""

from django.conf import settings
from django.http import HttpRequest


def portal(_request: HttpRequest) -> dict[str, str]:
    return {"portal_name": settings.PORTAL_NAME}
