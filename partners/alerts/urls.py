"""Addresses of the alert types' console pages."""

from django.urls import path

from partners.alerts.views import alert_parameters, alert_type, alert_types

urlpatterns = [
    path("banks/<slug:slug>/alert-types/", alert_types, name="alert_types"),
    path("banks/<slug:slug>/alert-types/<slug:code>/", alert_type, name="alert_type"),
    path(
        "banks/<slug:slug>/alert-types/<slug:code>/parameters/",
        alert_parameters,
        name="alert_parameters",
    ),
]
