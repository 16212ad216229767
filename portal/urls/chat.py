"""The doors of the `chat.` host."""

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from messaging.delivery.urls import CUSTOMER_DOORS as SOCKET_DOORS
from partners.records.urls import CUSTOMER_DOORS as RECORD_DOORS
from partners.sharing.urls import CUSTOMER_DOORS
from portal.rest.browsing import SchemaDoor
from portal.urls import short_ways

_SCHEMA = SchemaDoor.as_view(urlconf="portal.urls.chat", origin=settings.CHAT_ORIGIN)

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("messaging.widget.urls")),
    path("", include("messaging.conversations.urls")),
    path("", include(SOCKET_DOORS)),
    path("", include("messaging.notices.urls")),
    path("", include(CUSTOMER_DOORS)),
    path("", include(RECORD_DOORS)),
    path("", include("partners.connections.urls")),
    path("", include("partners.asking.urls")),
    path("api/v1/openapi.json", _SCHEMA),
    *short_ways("CHAT_DOORS"),
]
# Pages for people, problems for whoever calls the API.
handler400 = "portal.rest.problems.api_or_page_bad_request"
handler404 = "portal.rest.problems.api_or_page_not_found"
handler500 = "portal.rest.problems.api_or_page_error"
