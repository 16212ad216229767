"""Addresses of the pages that read across rooms."""

from django.urls import path

from partners.console import views

urlpatterns = [
    path("banks/<slug:slug>/", views.overview, name="overview"),
    path("banks/<slug:slug>/live/", views.overview_live, name="overview_live"),
    path("banks/<slug:slug>/customers/", views.customers, name="customers"),
    path("banks/<slug:slug>/customers/<uuid:customer_id>/", views.customer, name="customer"),
    path("banks/<slug:slug>/disclosures/", views.disclosures, name="disclosures"),
    path("banks/<slug:slug>/disclosures/live/", views.disclosures_live, name="disclosures_live"),
]
