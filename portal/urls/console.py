"""The doors of the `console.` host."""

from django.urls import URLPattern, URLResolver, include, path

from messaging.conversations.urls import PAGES as CONVERSATIONS
from portal.urls import short_ways

PAGES: list[URLPattern | URLResolver] = [
    path("", include("partners.banks.urls")),
    path("", include("partners.integrations.urls")),
    path("", include("partners.imports.urls")),
    path("", include("partners.feeds.urls")),
    path("", include("partners.alerts.urls")),
    path("", include("partners.console.urls")),
    path("", include("partners.compliance.urls")),
    path("", include("partners.records.urls")),
    path("", include("partners.retention.urls")),
    path("", include("partners.review.urls")),
    path("", include("partners.operations.urls")),
    path("", include(CONVERSATIONS)),
]
SIGN_IN: list[URLPattern | URLResolver] = [
    path("", include("allauth.account.urls")),
    path("second-factor/", include("allauth.mfa.urls")),
    path("sessions/", include("allauth.usersessions.urls")),
]

urlpatterns: list[URLPattern | URLResolver] = [
    *short_ways("CONSOLE_DOORS"),
    path("", include((PAGES, "console"))),
    path("sign-in/", include(SIGN_IN)),
]
