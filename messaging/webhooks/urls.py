"""Addresses of webhooks, on the `api.` host."""

from django.urls import URLPattern, path

from messaging.webhooks import api

_ALL = "api/v1/webhook-endpoints"
_ONE = f"{_ALL}/<uuid:endpoint_id>"

urlpatterns: list[URLPattern] = [
    path(_ALL, api.EndpointsDoor.as_view()),
    path(_ONE, api.EndpointDoor.as_view()),
    path(f"{_ONE}/rotate-secret", api.RotationDoor.as_view()),
    path(f"{_ONE}/test", api.TestsDoor.as_view()),
    path(f"{_ONE}/tests/<uuid:test_id>", api.TestDoor.as_view()),
    path(f"{_ONE}/deliveries", api.DeliveriesDoor.as_view()),
    path(f"{_ONE}/deliveries/<str:delivery>", api.DeliveryDoor.as_view()),
    path(f"{_ONE}/deliveries/<str:delivery>/replay", api.DeliveryReplayDoor.as_view()),
    path(f"{_ONE}/replays", api.ReplaysDoor.as_view()),
    path(f"{_ONE}/replays/<uuid:replay_id>", api.ReplayDoor.as_view()),
]
