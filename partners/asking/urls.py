"""Addresses of the window in which a program's request is answered, on the `chat.` host."""

from django.urls import path

from partners.asking.views import ask, authorize

urlpatterns = [
    path("oauth/authorize", authorize, name="authorize"),
    path("asking/", ask, name="asking"),
]
