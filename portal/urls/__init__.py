"""Every door for HTTP: the base host's here, the other hosts' in the files beside this one."""

from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern, URLResolver, include, path


def alive(_request: HttpRequest) -> HttpResponse:
    """Answers while the process does; says nothing of the servers behind it."""
    return HttpResponse("ok", content_type="text/plain")


urlpatterns: list[URLPattern | URLResolver] = [
    path("healthz", alive),
    path("", include("portal.design.urls")),
]
