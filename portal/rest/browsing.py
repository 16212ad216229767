"""The OpenAPI file of a host's doors, and a page that tells the same to people."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_GET
from drf_spectacular.generators import SchemaGenerator
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from portal.rest.permissions import Anybody
from portal.rest.reference import reference_of


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
    """The API as a page, made of the OpenAPI object."""
    described = schema_of("portal.urls.api", origin=settings.API_ORIGIN)
    shown = {
        "title": described["info"]["title"],
        "words": described["info"]["description"],
        "parts": reference_of(described),
        "token_line": (
            f"API={settings.API_ORIGIN}\n"
            "TOKEN=$(curl -s -u $CLIENT_ID:$CLIENT_SECRET \\\n"
            "  -d grant_type=client_credentials \\\n"
            "  $API/oauth/token | jq -r .access_token)"
        ),
        "schema_url": reverse("schema"),
        "api_origin": settings.API_ORIGIN,
        "problems_url": f"{settings.PORTAL_ORIGIN}/problems/",
    }
    return render(request, "portal/rest/reference.html", shown)
