"""Addresses of the integration's console pages."""

from django.urls import path

from partners.integrations.views import integration, integration_test

urlpatterns = [
    path("banks/<slug:slug>/integration/", integration, name="integration"),
    path("banks/<slug:slug>/integration/test/", integration_test, name="integration_test"),
]
