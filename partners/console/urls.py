"""Addresses of the pages that read across rooms."""

from django.urls import path

from partners.console.views import (
    customer,
    customers,
    deeds,
    disclosures,
    disclosures_check,
    disclosures_export,
    disclosures_live,
    feed_example,
    history,
    overview,
    overview_live,
    read_rows_again,
    try_again_now,
    unreadable,
)

urlpatterns = [
    path("banks/<slug:slug>/", overview, name="overview"),
    path("banks/<slug:slug>/live/", overview_live, name="overview_live"),
    path("banks/<slug:slug>/try-again/", try_again_now, name="try_again"),
    path("banks/<slug:slug>/unreadable/", unreadable, name="unreadable"),
    path("banks/<slug:slug>/unreadable/read-again/", read_rows_again, name="read_again"),
    path("banks/<slug:slug>/staff/deeds/", deeds, name="deeds"),
    path("banks/<slug:slug>/feeds/<slug:kind>/example/", feed_example, name="feed_example"),
    path("banks/<slug:slug>/customers/", customers, name="customers"),
    path("banks/<slug:slug>/customers/<uuid:customer_id>/", customer, name="customer"),
    path(
        "banks/<slug:slug>/customers/<uuid:customer_id>/accounts/<uuid:account_id>/history/",
        history,
        name="history",
    ),
    path("banks/<slug:slug>/disclosures/", disclosures, name="disclosures"),
    path("banks/<slug:slug>/disclosures/live/", disclosures_live, name="disclosures_live"),
    path("banks/<slug:slug>/disclosures/check/", disclosures_check, name="disclosures_check"),
    path("banks/<slug:slug>/disclosures/export", disclosures_export, name="disclosures_export"),
]
