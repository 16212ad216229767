"""Addresses of the integration's console pages, and of our keys for a bank's systems."""

from django.urls import path

from partners.integrations.api import client_keys
from partners.integrations.views import integration, integration_key, integration_test

urlpatterns = [
    path("banks/<slug:slug>/integration/", integration, name="integration"),
    path("banks/<slug:slug>/integration/test/", integration_test, name="integration_test"),
    path("banks/<slug:slug>/integration/key/", integration_key, name="integration_key"),
]

KEYS = [
    path(".well-known/banks/<slug:slug>/client-jwks.json", client_keys, name="client_keys"),
]
