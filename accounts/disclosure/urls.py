"""Addresses of what is published of a bank's log, on the `api.` host."""

from django.urls import URLPattern, path

from accounts.disclosure import views

_LOG = "disclosures/<uuid:bank_id>"

urlpatterns: list[URLPattern] = [
    path(f"{_LOG}/checkpoint", views.checkpoint),
    path(f"{_LOG}/checkpoints", views.checkpoints),
    path(f"{_LOG}/keys", views.keys),
    path(f"{_LOG}/consistency", views.consistency),
]
