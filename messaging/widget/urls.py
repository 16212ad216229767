"""Addresses of the chat that a bank puts on its own site."""

from django.urls import URLPattern, path

from messaging.widget import api, views

urlpatterns: list[URLPattern] = [
    path("widget/loader.js", views.loader),
    path("widget/frame", views.frame),
    path("api/v1/widget/sessions", api.SessionsDoor.as_view()),
    path("api/v1/links", api.LinksDoor.as_view()),
    path("api/v1/windows", api.WindowsDoor.as_view()),
]
