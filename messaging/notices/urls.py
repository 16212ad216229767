"""Addresses of the doors that a notice leads to, and of the customer's page about notices."""

from django.urls import URLPattern, path

from messaging.notices import views

urlpatterns: list[URLPattern] = [
    path("alerts/<slug:slug>/<uuid:message_id>", views.open_alert, name="open_alert"),
    path("reaching/", views.reaching, name="reaching"),
    path("reaching/enter", views.enter, name="reaching_enter"),
    path("reaching/worker.js", views.worker, name="reaching_worker"),
    path("reaching/ways/<slug:way>", views.switch, name="reaching_switch"),
    path("reaching/browsers", views.add_browser, name="reaching_browsers"),
    path(
        "reaching/browsers/<uuid:browser_id>/forget",
        views.forget_browser,
        name="reaching_forget_browser",
    ),
    path("reaching/address", views.set_address, name="reaching_address"),
    path("reaching/address/prove", views.prove_address, name="reaching_prove"),
    path("reaching/address/forget", views.forget_address, name="reaching_forget"),
]
