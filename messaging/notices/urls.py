"""Addresses of the doors that a notice leads to."""

from django.urls import URLPattern, path

from messaging.notices import views

urlpatterns: list[URLPattern] = [
    path("alerts/<slug:slug>/<uuid:message_id>", views.open_alert, name="open_alert"),
]
