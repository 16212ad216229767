"""The doors of the `chat.` host."""

from django.urls import URLPattern, URLResolver, include, path

from messaging.delivery.urls import CUSTOMER_DOORS as SOCKET_DOORS
from partners.sharing.urls import CUSTOMER_DOORS
from portal.urls import short_ways

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("messaging.widget.urls")),
    path("", include("messaging.conversations.urls")),
    path("", include(SOCKET_DOORS)),
    path("", include("messaging.notices.urls")),
    path("", include(CUSTOMER_DOORS)),
    path("", include("partners.connections.urls")),
    *short_ways("CHAT_DOORS"),
]
