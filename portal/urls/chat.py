"""The doors of the `chat.` host."""

from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("messaging.widget.urls")),
    path("", include("messaging.conversations.urls")),
    path("", include("messaging.delivery.urls")),
]
