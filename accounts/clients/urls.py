"""The addresses of client programs, on the `api.` host."""

from django.urls import URLPattern, path

from accounts.clients.views import TokenDoor, metadata

urlpatterns: list[URLPattern] = [
    path("oauth/token", TokenDoor.as_view(), name="token"),
    path(".well-known/oauth-authorization-server", metadata),
]
