"""What every page may use: the product's name, which stands in one setting."""

from django.conf import settings
from django.http import HttpRequest

from portal.middleware import host_label


def portal(request: HttpRequest) -> dict[str, str | bool]:
    # The chat's host has no page of its own to begin at: its windows are opened from the chat.
    begins = host_label(request) != "chat"
    return {"portal_name": settings.PORTAL_NAME, "has_beginning": begins}
