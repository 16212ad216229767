"""What the doors of webhooks take and answer, for the OpenAPI file."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from messaging.programs.public import TYPE_NAMES
from messaging.webhooks.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookReplay,
)
from portal.outside.addresses import why_not_url
from portal.rest.serializers import StrictFlag, StrictNumber, StrictSerializer, StrictText

LARGEST_PAGE, USUAL_PAGE = 100, 50
LONGEST_OVERLAP = timedelta(days=7)
LONGEST_SPAN = timedelta(days=30)


class Nothing(StrictSerializer):
    """An empty object, or no body at all."""


@extend_schema_field({"type": "string", "format": "uri", "maxLength": 500})
class WebhookAddress(StrictText):
    """https on port 443, to the public internet."""

    def to_internal_value(self, data: Any) -> str:
        url = super().to_internal_value(data)
        problem = why_not_url(url, loopback=settings.CALLS_TO_LOOPBACK)
        if problem:
            raise serializers.ValidationError([problem])
        return url


class TypeNames(serializers.ListField):
    """Types of events; none in particular means all of them."""

    child = serializers.ChoiceField(choices=TYPE_NAMES)


class NewEndpoint(StrictSerializer):
    url = WebhookAddress(max_length=500)
    event_types = TypeNames(required=False, default=list, max_length=20)
    description = StrictText(required=False, default="", allow_blank=True, max_length=200)


class EndpointChange(StrictSerializer):
    """What is left out stays as it is."""

    url = WebhookAddress(required=False, max_length=500)
    event_types = TypeNames(required=False, max_length=20)
    description = StrictText(required=False, allow_blank=True, max_length=200)
    enabled = StrictFlag(required=False)


class Rotation(StrictSerializer):
    """For how long the secret before signs too; 0 where it has become known to others."""

    overlap_seconds = StrictNumber(
        required=False,
        default=24 * 3600,
        min_value=0,
        max_value=int(LONGEST_OVERLAP.total_seconds()),
    )


class ReplaySpan(StrictSerializer):
    """`until` left out is now. What was created in the span, at most thirty days of it, is sent again."""

    since = serializers.DateTimeField()
    until = serializers.DateTimeField(required=False)
    which = serializers.ChoiceField(choices=WebhookReplay.Which.choices, default="undelivered")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        attrs.setdefault("until", timezone.now())
        if not timedelta(0) < attrs["until"] - attrs["since"] <= LONGEST_SPAN:
            problem = "It begins before it ends, and lasts thirty days at most."
            raise serializers.ValidationError({"since": [problem]})
        return attrs


class DeliveriesRequest(StrictSerializer):
    """`status`, `limit` and `cursor` in the address; any other name there is refused."""

    status = serializers.ChoiceField(choices=WebhookDelivery.Status.choices, required=False)
    limit = serializers.IntegerField(min_value=1, max_value=LARGEST_PAGE, default=USUAL_PAGE)
    cursor = serializers.CharField(required=False, max_length=4096)


class EndpointBody(serializers.Serializer[Any]):
    """`disabled_why` is empty while it is enabled; `failures` is how often it failed in a row."""

    id = serializers.UUIDField()
    url = serializers.CharField()
    event_types = serializers.ListField(child=serializers.ChoiceField(choices=TYPE_NAMES))
    description = serializers.CharField(allow_blank=True)
    enabled = serializers.BooleanField()
    disabled_why = serializers.ChoiceField(
        choices=WebhookEndpoint.Disabled.choices, allow_blank=True
    )
    failures = serializers.IntegerField()
    created_at = serializers.DateTimeField()
    changed_at = serializers.DateTimeField()


class EndpointsBody(serializers.Serializer[Any]):
    endpoints = EndpointBody(many=True)


class NewEndpointBody(EndpointBody):
    """`secret` is told this once; null where the answer is repeated after it was replaced."""

    secret = serializers.CharField(allow_null=True)


class SecretBody(serializers.Serializer[Any]):
    """`secret` is told this once. Until `previous_expires_at` there are two valid signatures."""

    secret = serializers.CharField(allow_null=True)
    previous_expires_at = serializers.DateTimeField(allow_null=True)


class AttemptBody(serializers.Serializer[Any]):
    number = serializers.IntegerField()
    at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(choices=WebhookAttempt.Outcome.choices)
    response_code = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField()


class DeliveryBody(serializers.Serializer[Any]):
    """One event on its way to one endpoint. `event_id` is its `webhook-id`."""

    id = serializers.CharField()
    event_id = serializers.UUIDField()
    event_type = serializers.ChoiceField(choices=TYPE_NAMES)
    consent = serializers.CharField()
    status = serializers.ChoiceField(choices=WebhookDelivery.Status.choices)
    reason = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    settled_at = serializers.DateTimeField(allow_null=True)
    next_attempt_at = serializers.DateTimeField(allow_null=True)
    attempts = AttemptBody(many=True)


class DeliveriesBody(serializers.Serializer[Any]):
    """Newest first. `next_cursor` is null on the last page."""

    deliveries = DeliveryBody(many=True)
    next_cursor = serializers.CharField(allow_null=True)
    has_more = serializers.BooleanField()


class WebhookReplayBody(serializers.Serializer[Any]):
    """`queued` says how many deliveries were put back, once `finished_at` is not null."""

    id = serializers.UUIDField()
    since = serializers.DateTimeField()
    until = serializers.DateTimeField()
    which = serializers.ChoiceField(choices=WebhookReplay.Which.choices)
    requested_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)
    queued = serializers.IntegerField()


class WebhookTestBody(serializers.Serializer[Any]):
    """A ping. `outcome` is empty until it is known; `id` is its `webhook-id`."""

    id = serializers.UUIDField()
    requested_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    outcome = serializers.ChoiceField(choices=WebhookAttempt.Outcome.choices, allow_blank=True)
    response_code = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)
