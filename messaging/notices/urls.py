"""Addresses of the doors that a notice leads to, and of the customer's page about notices."""

from django.urls import URLPattern, path

from messaging.notices import views

urlpatterns: list[URLPattern] = [
    path("alerts/<slug:slug>/<uuid:message_id>", views.open_alert, name="open_alert"),
    path("reaching/", views.reaching, name="reaching"),
    path("reaching/enter", views.enter, name="reaching_enter"),
    path("reaching/mail", views.switch_mail, name="reaching_mail"),
    path("reaching/address", views.set_address, name="reaching_address"),
    path("reaching/address/prove", views.prove_address, name="reaching_prove"),
    path("reaching/address/forget", views.forget_address, name="reaching_forget"),
]
