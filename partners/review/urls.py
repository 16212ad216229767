"""Addresses of what staff are to review of the ledger."""

from django.urls import path

from partners.review.views import decide, review

urlpatterns = [
    path("banks/<slug:slug>/review/", review, name="review"),
    path("banks/<slug:slug>/review/decisions/", decide, name="review_decide"),
]
