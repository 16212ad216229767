"""Addresses of the page that says how long things are kept."""

from django.urls import path

from partners.retention.views import retention, retention_evidence

urlpatterns = [
    path("banks/<slug:slug>/retention/", retention, name="retention"),
    path(
        "banks/<slug:slug>/retention/evidence.<slug:form>",
        retention_evidence,
        name="retention_evidence",
    ),
]
