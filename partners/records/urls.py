"""Addresses of the customer's page about their data, and of what a bank's staff keep of it."""

from django.urls import URLPattern, path

from partners.records import views

CUSTOMER_DOORS: list[URLPattern] = [
    path("records/", views.records, name="records"),
    path("records/copy.<slug:form>", views.copy, name="records_copy"),
    path("records/erase", views.erase, name="records_erase"),
    path("records/erased", views.erased, name="records_erased"),
    path("records/erased.json", views.evidence, name="records_evidence"),
]
urlpatterns: list[URLPattern] = [
    path("banks/<slug:slug>/customers/<uuid:customer_id>/hold/", views.hold, name="hold_customer"),
    path(
        "banks/<slug:slug>/customers/<uuid:customer_id>/hold/lift/",
        views.lift,
        name="lift_customer",
    ),
]
