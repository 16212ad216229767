"""Addresses of the linking window, on the `chat.` host."""

from django.urls import path

from partners.connections.views import begin, callback, choose, done, start

urlpatterns = [
    path("link/", start, name="link"),
    path("link/begin", begin, name="link_begin"),
    path("link/callback", callback, name="link_callback"),
    path("link/choose", choose, name="link_choose"),
    path("link/done", done, name="link_done"),
]
