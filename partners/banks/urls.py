"""Addresses of the bank's own console pages."""

from django.urls import path

from partners.banks.views import change_bank, home, member, staff

urlpatterns = [
    path("", home, name="home"),
    path("operator/banks/<slug:slug>/", change_bank, name="change_bank"),
    path("banks/<slug:slug>/staff/", staff, name="staff"),
    path("banks/<slug:slug>/staff/<uuid:staff_id>/", member, name="member"),
]
