"""The doors of the `api.` host."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path
from django.views.generic import RedirectView

from messaging.delivery.urls import CLIENT_DOORS as SOCKET_DOORS
from partners.banks.urls import KEYS
from partners.imports.urls import BANK_DOORS
from partners.integrations.urls import KEYS as CLIENT_KEYS
from partners.sharing.urls import CLIENT_DOORS
from portal.rest.browsing import SchemaDoor, browse

_SCHEMA = SchemaDoor.as_view(urlconf="portal.urls.api", origin=settings.API_ORIGIN)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", RedirectView.as_view(url="/api/v1/docs")),
    path("", include("accounts.clients.urls")),
    path("", include("accounts.disclosure.urls")),
    path("", include(KEYS)),
    path("", include(CLIENT_KEYS)),
    path("", include(CLIENT_DOORS)),
    path("", include(SOCKET_DOORS)),
    path("", include("messaging.webhooks.urls")),
    path("", include("partners.sync.urls")),
    path("", include(BANK_DOORS)),
    path("api/v1/openapi.json", _SCHEMA, name="schema"),
    path("api/v1/docs", browse, name="docs"),
]
# This host speaks JSON alone, in its refusals too.
handler400 = "portal.rest.problems.bad_request"
handler404 = "portal.rest.problems.page_not_found"
handler500 = "portal.rest.problems.server_error"
