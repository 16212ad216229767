"""The OpenAPI file of a host's doors, and a page to browse it."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import reverse
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.rest.permissions import Anybody

_BROWSER = "drf_spectacular_sidecar/swagger-ui-dist"
# What the drawing program needs beyond our own pages: it writes style attributes, on this page alone.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data:; font-src 'self'; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)


class SchemaDoor(APIView):
    """What the doors of one list of addresses take and answer (OpenAPI 3.1); open to all."""

    permission_classes = [Anybody]
    schema = None  # it does not describe itself
    urlconf: str = ""
    origin: str = ""

    def get(self, request: Request) -> Response:  # noqa: ARG002  # the framework's shape
        return Response(schema_of(self.urlconf, origin=self.origin))


def schema_of(urlconf: str, *, origin: str) -> dict[str, Any]:
    """The OpenAPI object of the addresses in `urlconf`, to be found at `origin`."""
    generator: Any = SchemaGenerator
    described: dict[str, Any] = generator(urlconf=urlconf).get_schema(request=None, public=True)
    described["servers"] = [{"url": origin}]
    return described


@require_GET
def browse(request: HttpRequest) -> HttpResponse:
    """The API as a page; the same is in the OpenAPI file for whoever has no scripts."""
    shown = {
        "schema_url": reverse("schema"),
        "browser_sheet": static(f"{_BROWSER}/swagger-ui.css"),
        "browser_script": static(f"{_BROWSER}/swagger-ui-bundle.js"),
        "browser_start": static("design/api.js"),
        "api_origin": settings.API_ORIGIN,
    }
    answered = render(request, "portal/rest/browser.html", shown)
    answered["Content-Security-Policy"] = _POLICY
    return answered
