"""Addresses of the bank's own console pages, and of what anybody may read of it."""

from django.urls import path

from partners.banks.api import signing_keys
from partners.banks.views import change_bank, home, member, staff

urlpatterns = [
    path("", home, name="home"),
    path("operator/banks/<slug:slug>/", change_bank, name="change_bank"),
    path("banks/<slug:slug>/staff/", staff, name="staff"),
    path("banks/<slug:slug>/staff/<uuid:staff_id>/", member, name="member"),
]

KEYS = [path(".well-known/banks/<slug:slug>/jwks.json", signing_keys, name="signing_keys")]
