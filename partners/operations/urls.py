"""Addresses of the operator's own page."""

from django.urls import path

from partners.operations.views import counts, live, operations

urlpatterns = [
    path("operator/", operations, name="operations"),
    path("operator/live/", live, name="operations_live"),
    path("operator/counts/", counts, name="operations_counts"),
]
