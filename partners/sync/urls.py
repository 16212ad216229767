"""Addresses on the `api.` host at which banks tell us of changes."""

from django.urls import path

from partners.sync.views import event_notifications

urlpatterns = [
    path(
        "open-banking/<slug:slug>/event-notifications",
        event_notifications,
        name="event_notifications",
    ),
]
