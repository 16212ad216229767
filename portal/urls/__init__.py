"""Every door for HTTP: the base host's here, the other hosts' in the files beside this one."""

from importlib import import_module

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, URLResolver, include, path

from portal.urls.health import alive, metrics, ready


def to_console(_request: HttpRequest) -> HttpResponse:
    """Where the base host leads when there is no demonstration to show."""
    return redirect(settings.CONSOLE_ORIGIN)


def short_ways(name: str) -> list[URLPattern | URLResolver]:
    """The start page's doors of one host: in development alone."""
    if not settings.DEVELOPMENT:
        return []
    doors: list[URLPattern | URLResolver] = getattr(import_module("portal.local.start"), name)
    return doors


urlpatterns: list[URLPattern | URLResolver] = [
    *short_ways("BASE_DOORS"),
    path("", to_console),
    path("healthz", alive),
    path("readyz", ready),
    path("metrics", metrics),
    path("", include("portal.design.urls")),
    path("", include("portal.rest.pages")),
]
