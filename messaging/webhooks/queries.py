"""Reading endpoints, deliveries and what is due of them."""

from collections.abc import Collection, Sequence
from datetime import datetime
from uuid import UUID

from django.db import connections
from django.db.models import Q, QuerySet

from messaging.webhooks.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookReplay,
    WebhookSecret,
    WebhookTest,
)
from portal.rest.problems import NotFound

_BANKS_WITH_WORK = """
    SELECT bank_id FROM messaging_webhookdelivery
    WHERE due_at <= %s AND (lease_until IS NULL OR lease_until <= %s)
    GROUP BY bank_id ORDER BY min(due_at)
"""
# One step of the index a bank, however many deliveries there are.
_BANKS_OF_ENDPOINT = """
    WITH RECURSIVE heard AS (
        (SELECT bank_id FROM messaging_webhookdelivery WHERE endpoint_id = %(endpoint)s
         ORDER BY bank_id LIMIT 1)
        UNION ALL
        SELECT (SELECT d.bank_id FROM messaging_webhookdelivery d
                WHERE d.endpoint_id = %(endpoint)s AND d.bank_id > heard.bank_id
                ORDER BY d.bank_id LIMIT 1)
        FROM heard WHERE heard.bank_id IS NOT NULL
    )
    SELECT bank_id FROM heard WHERE bank_id IS NOT NULL
"""


def endpoints_of(client_id: int) -> QuerySet[WebhookEndpoint]:
    """The program's endpoints, oldest first."""
    mine = WebhookEndpoint.objects.filter(client_id=client_id, deleted_at__isnull=True)
    return mine.order_by("id")


def get_endpoint(client_id: int, endpoint_id: UUID, *, lock: bool = False) -> WebhookEndpoint:
    """The program's endpoint. Raises NotFound, for another's too."""
    mine = endpoints_of(client_id).filter(pk=endpoint_id)
    found = (mine.select_for_update() if lock else mine).first()
    if found is None:
        raise NotFound
    return found


def listening(client_ids: Collection[int], event_type: str) -> list[WebhookEndpoint]:
    """Enabled endpoints of those programs at which that type of event is told."""
    enabled = WebhookEndpoint.objects.filter(
        client_id__in=client_ids, deleted_at__isnull=True, disabled_why=""
    )
    return [each for each in enabled if not each.event_types or event_type in each.event_types]


def valid_secrets(endpoint_id: UUID, *, at: datetime) -> list[WebhookSecret]:
    """What the endpoint's messages are signed with at that time, newest first."""
    valid = Q(expires_at__isnull=True) | Q(expires_at__gt=at)
    return list(WebhookSecret.objects.filter(valid, endpoint_id=endpoint_id).order_by("-id"))


def banks_with_due_deliveries(*, at: datetime) -> list[UUID]:
    """The banks that have something to be sent, longest waiting first; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_WITH_WORK, [at, at])
        return [row[0] for row in cursor.fetchall()]


def banks_of_endpoint(endpoint_id: UUID) -> list[UUID]:
    """The banks of whose customers the endpoint was told; asked as the system role."""
    with connections["system"].cursor() as cursor:
        cursor.execute(_BANKS_OF_ENDPOINT, {"endpoint": endpoint_id})
        return [row[0] for row in cursor.fetchall()]


def deliveries_of(
    endpoint_id: UUID, *, before: UUID | None, status: str | None, at_most: int
) -> list[WebhookDelivery]:
    """The served bank's deliveries to the endpoint, newest first, each with its event."""
    found = WebhookDelivery.objects.filter(endpoint_id=endpoint_id).select_related("event")
    if before is not None:
        found = found.filter(id__lt=before)
    if status is not None:
        found = found.filter(status=status)
    return list(found.order_by("-id")[:at_most])


def get_delivery(endpoint_id: UUID, delivery_id: UUID) -> WebhookDelivery:
    """A delivery of the served bank's to the endpoint. Raises NotFound."""
    mine = WebhookDelivery.objects.filter(pk=delivery_id, endpoint_id=endpoint_id)
    found = mine.select_related("event").first()
    if found is None:
        raise NotFound
    return found


def get_test(endpoint: WebhookEndpoint, test_id: UUID) -> WebhookTest:
    """Raises NotFound."""
    found = WebhookTest.objects.filter(pk=test_id, endpoint=endpoint).first()
    if found is None:
        raise NotFound
    return found


def get_replay(endpoint: WebhookEndpoint, replay_id: UUID) -> WebhookReplay:
    """Raises NotFound."""
    found = WebhookReplay.objects.filter(pk=replay_id, endpoint=endpoint).first()
    if found is None:
        raise NotFound
    return found


def attempts_of(delivery_ids: Collection[UUID]) -> dict[UUID, list[WebhookAttempt]]:
    """What was tried of each of these deliveries, in order."""
    found: dict[UUID, list[WebhookAttempt]] = {each: [] for each in delivery_ids}
    tried = WebhookAttempt.objects.filter(delivery_id__in=delivery_ids)
    for each in tried.order_by("delivery_id", "number"):
        found[each.delivery_id].append(each)
    return found


def due_tests(*, at: datetime) -> Sequence[WebhookTest]:
    return list(WebhookTest.objects.filter(due_at__lte=at).order_by("due_at")[:50])


def due_replays(*, at: datetime) -> Sequence[WebhookReplay]:
    return list(WebhookReplay.objects.filter(due_at__lte=at).order_by("due_at")[:20])


def is_anything_due(*, at: datetime) -> bool:
    """Whether a sender would find something to do."""
    return bool(banks_with_due_deliveries(at=at) or due_tests(at=at) or due_replays(at=at))
