"""Endpoints and the queue of what goes there: every write."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import F

from accounts.consent.queries import ProgramConsent
from messaging.conversations.models import StreamEvent
from messaging.programs.public import CONSENT_ENDED, CONSENT_GRANTED
from messaging.webhooks.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookReplay,
    WebhookSecret,
    WebhookTest,
)
from messaging.webhooks.queries import (
    banks_of_endpoint,
    endpoints_of,
    get_endpoint,
    listening,
    valid_secrets,
)
from messaging.webhooks.rules import (
    LONGEST_RETRY_AFTER,
    SECRET_BYTES,
    rest_after,
    secret_text,
    wait_after,
)
from portal.rest.models import ClientIdempotencyRecord
from portal.rest.problems import Conflict, NotFound
from portal.secrets.fields import keep_secret
from portal.tenancy.blocks import current_bank_id
from portal.wakeups import wake_after_commit

MOST_ENDPOINTS = 20
KEPT = timedelta(days=30)
GONE = 410
SEND_DUE = "messaging.webhooks.tasks.send_due"

_CLAIM = """
    UPDATE messaging_webhookdelivery
    SET lease_until = %(until)s, fence = fence + 1, attempts = attempts + 1
    WHERE bank_id = %(bank)s AND id IN (
        SELECT due.id FROM messaging_webhookendpoint e CROSS JOIN LATERAL (
            SELECT d.id, d.due_at FROM messaging_webhookdelivery d
            WHERE d.bank_id = %(bank)s AND d.endpoint_id = e.id AND d.due_at <= %(at)s
              AND (d.lease_until IS NULL OR d.lease_until <= %(at)s)
            ORDER BY d.due_at, d.id
            LIMIT CASE WHEN e.failures > 0 THEN 1 ELSE %(each)s END
            FOR NO KEY UPDATE SKIP LOCKED) due
        WHERE (e.resting_until IS NULL OR e.resting_until <= %(at)s) AND e.id <> ALL(%(busy)s::uuid[])
        ORDER BY due.due_at, due.id LIMIT %(limit)s)
    RETURNING id
"""


class TooManyEndpoints(Conflict):
    slug = "too-many-endpoints"
    title = "The program has as many endpoints as it may have"


class EndpointDisabled(Conflict):
    slug = "endpoint-disabled"
    title = "The endpoint is disabled"


@dataclass(frozen=True)
class Errand:
    """One delivery on its way, held by one sender until its lease ends."""

    id: UUID
    bank_id: UUID
    fence: int
    attempts: int
    consent_id: UUID
    endpoint_id: UUID
    client_id: int
    url: str
    is_failing: bool


@dataclass(frozen=True)
class Tried:
    """How one try ended."""

    outcome: str
    at: datetime
    latency_ms: int
    response_code: int | None = None
    retry_after: int | None = None

    @property
    def is_taken(self) -> bool:
        return self.outcome == WebhookAttempt.Outcome.DELIVERED


# --- endpoints ----------------------------------------------------------------------------------


def create_endpoint(
    *, client_id: int, url: str, event_types: Sequence[str], description: str, at: datetime
) -> tuple[WebhookEndpoint, WebhookSecret]:
    """A new endpoint and its first secret. Raises TooManyEndpoints."""
    if endpoints_of(client_id).count() >= MOST_ENDPOINTS:
        raise TooManyEndpoints(f"At most {MOST_ENDPOINTS}: delete one that is not used.")
    endpoint = WebhookEndpoint.objects.create(
        client_id=client_id,
        url=url,
        event_types=sorted(set(event_types)),
        description=description,
        created_at=at,
        changed_at=at,
    )
    return endpoint, _new_secret(endpoint.id, at)


def change_endpoint(
    *, client_id: int, endpoint_id: UUID, changes: dict[str, Any], at: datetime
) -> WebhookEndpoint:
    """Change url, event_types, description, or whether it is `enabled`. Raises NotFound."""
    endpoint = get_endpoint(client_id, endpoint_id, lock=True)
    enabled = changes.pop("enabled", None)
    if "event_types" in changes:
        changes["event_types"] = sorted(set(changes["event_types"]))
    for name, value in changes.items():
        setattr(endpoint, name, value)
    if enabled is not None:
        endpoint.disabled_why = "" if enabled else WebhookEndpoint.Disabled.PROGRAM
    if enabled or "url" in changes:
        endpoint.failures, endpoint.resting_until = 0, None
    endpoint.changed_at = at
    endpoint.save()
    return endpoint


def delete_endpoint(*, client_id: int, endpoint_id: UUID, at: datetime) -> None:
    """Tell nothing there any more: its secrets go now, what waits for it when it is looked at. Raises NotFound."""
    endpoint = get_endpoint(client_id, endpoint_id, lock=True)
    endpoint.deleted_at = endpoint.changed_at = at
    endpoint.save(update_fields=["deleted_at", "changed_at"])
    WebhookSecret.objects.filter(endpoint=endpoint).delete()


def rotate_secret(
    *, client_id: int, endpoint_id: UUID, overlap: timedelta, at: datetime
) -> WebhookSecret:
    """A new secret; the one before signs too until the overlap is over, and any older one no more.

    Raises NotFound.
    """
    endpoint = get_endpoint(client_id, endpoint_id, lock=True)
    newest, *older = valid_secrets(endpoint.id, at=at)
    WebhookSecret.objects.filter(pk__in=[each.id for each in older]).delete()
    if overlap:
        newest.expires_at = at + overlap
        newest.save(update_fields=["expires_at"])
    else:
        newest.delete()
    return _new_secret(endpoint.id, at)


def _new_secret(endpoint_id: UUID, at: datetime) -> WebhookSecret:
    secret = WebhookSecret(endpoint_id=endpoint_id, created_at=at)
    keep_secret(secret, "secret", secret_text(os.urandom(SECRET_BYTES)))
    secret.save(force_insert=True)
    return secret


# --- the queue ------------------------------------------------------------------------------------


def queue_deliveries(told: Iterable[tuple[ProgramConsent, StreamEvent]], *, at: datetime) -> int:
    """Queue each event for every endpoint of its consent's program that hears of its type; how many."""
    events = list(told)
    by_type: dict[str, list[WebhookEndpoint]] = {}
    for kind in {event.kind for _, event in events}:
        clients = {consent.client_id for consent, event in events if event.kind == kind}
        by_type[kind] = listening(clients, kind)
    queued = WebhookDelivery.objects.bulk_create(
        [
            WebhookDelivery(
                customer_id=consent.customer_id,
                event=event,
                endpoint=endpoint,
                consent_id=consent.consent_id,
                created_at=at,
                due_at=at,
            )
            for consent, event in events
            for endpoint in by_type[event.kind]
            if endpoint.client_id == consent.client_id
        ],
        ignore_conflicts=True,
    )
    if queued:
        wake_after_commit(SEND_DUE)
    return len(queued)


def cancel_deliveries(consent_id: UUID, *, reason: str, at: datetime) -> int:
    """Take what waits under a consent out of the queue, but for what is said of the consent itself."""
    waiting = WebhookDelivery.objects.filter(consent_id=consent_id, due_at__isnull=False).exclude(
        event__kind__in=[CONSENT_GRANTED.name, CONSENT_ENDED.name]
    )
    return waiting.update(
        status=WebhookDelivery.Status.CANCELLED,
        reason=reason,
        due_at=None,
        settled_at=at,
        # Whoever is just sending one finds that it is no longer theirs.
        fence=F("fence") + 1,
    )


def claim_errands(
    *, at: datetime, lease: timedelta, busy: Sequence[UUID], each: int, limit: int
) -> list[Errand]:
    """Due deliveries of the served bank, longest waiting first, at most `each` of one endpoint.

    None of an endpoint that is `busy`, or rests after failing; one that failed last gets one at a time.
    """
    values: dict[str, Any] = {
        "bank": current_bank_id(),
        "at": at,
        "until": at + lease,
        "busy": list(busy),
        "each": each,
        "limit": limit,
    }
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, values)
        ids = [row[0] for row in cursor.fetchall()]
    rows = WebhookDelivery.objects.filter(pk__in=ids).select_related("endpoint")
    return [_errand(each) for each in rows.order_by("due_at", "id")]


def _errand(row: WebhookDelivery) -> Errand:
    return Errand(
        id=row.id,
        bank_id=current_bank_id(),
        fence=row.fence,
        attempts=row.attempts,
        consent_id=row.consent_id,
        endpoint_id=row.endpoint_id,
        client_id=row.endpoint.client_id,
        url=row.endpoint.url,
        is_failing=row.endpoint.failures > 0,
    )


def held(errand: Errand) -> WebhookDelivery | None:
    """The delivery, locked, while it is still this sender's; None where it was cancelled or claimed anew."""
    rows = WebhookDelivery.objects.select_for_update(no_key=True, of=("self",))
    mine = rows.filter(pk=errand.id, fence=errand.fence, due_at__isnull=False)
    return mine.select_related("event", "endpoint").first()


def cancel(errand: Errand, *, reason: str, at: datetime) -> None:
    """It may not leave, or has nowhere to go; it can be asked for again."""
    row = held(errand)
    if row is not None:
        _settle(row, WebhookDelivery.Status.CANCELLED, reason=reason, at=at)
        row.save()


def settle(errand: Errand, tried: Tried, *, noise: float) -> bool:
    """Write down how the try ended, and when the next one is due; False where the errand is no longer ours."""
    row = held(errand)
    if row is None:
        return False
    number = WebhookAttempt.objects.filter(delivery_id=row.id).count() + 1
    WebhookAttempt.objects.create(
        customer_id=row.customer_id,
        delivery=row,
        number=number,
        at=tried.at,
        outcome=tried.outcome,
        response_code=tried.response_code,
        latency_ms=tried.latency_ms,
    )
    if tried.is_taken:
        _settle(row, WebhookDelivery.Status.DELIVERED, reason="", at=tried.at)
    elif tried.response_code == GONE:
        _settle(row, WebhookDelivery.Status.DEAD, reason="endpoint-gone", at=tried.at)
    else:
        _put_off(row, tried, noise)
    row.save()
    _note_health(row.endpoint_id, tried)
    return True


def _settle(row: WebhookDelivery, status: str, *, reason: str, at: datetime) -> None:
    row.status, row.reason, row.settled_at = status, reason, at
    row.due_at = row.lease_until = None


def _put_off(row: WebhookDelivery, tried: Tried, noise: float) -> None:
    wait = wait_after(row.attempts, noise=noise)
    if wait is None:
        _settle(row, WebhookDelivery.Status.DEAD, reason="attempts-used-up", at=tried.at)
        return
    asked = min(timedelta(seconds=tried.retry_after or 0), LONGEST_RETRY_AFTER)
    row.due_at, row.lease_until = tried.at + max(wait, asked), None


def _note_health(endpoint_id: UUID, tried: Tried) -> None:
    """What the endpoint's last answer means for all that waits for it."""
    endpoint = WebhookEndpoint.objects.filter(pk=endpoint_id)
    if tried.is_taken:
        endpoint.filter(failures__gt=0).update(failures=0, resting_until=None)
    elif tried.response_code == GONE:
        endpoint.filter(disabled_why="").update(
            disabled_why=WebhookEndpoint.Disabled.GONE, changed_at=tried.at
        )
    else:
        # Others fail at the same time: counted first, under the row's lock.
        endpoint.update(failures=F("failures") + 1)
        failures = endpoint.values_list("failures", flat=True).get()
        endpoint.update(resting_until=tried.at + rest_after(failures))


# --- again ------------------------------------------------------------------------------------------


def replay_delivery(
    *, endpoint: WebhookEndpoint, delivery_id: UUID, at: datetime
) -> WebhookDelivery:
    """Put one delivery of the served bank back into the queue, from its first attempt on.

    Raises NotFound, EndpointDisabled.
    """
    if not endpoint.is_enabled:
        raise EndpointDisabled("Enable it first.")
    row = (
        WebhookDelivery.objects.select_for_update(no_key=True, of=("self",))
        .select_related("event")
        .filter(pk=delivery_id, endpoint=endpoint)
        .first()
    )
    if row is None:
        raise NotFound
    if row.status != WebhookDelivery.Status.PENDING:
        row.status, row.reason, row.settled_at, row.attempts = "pending", "", None, 0
    row.due_at = row.due_at if row.lease_until and row.lease_until > at else at
    row.save()
    wake_after_commit(SEND_DUE)
    return row


def request_replay(
    *, endpoint: WebhookEndpoint, since: datetime, until: datetime, which: str, at: datetime
) -> WebhookReplay:
    """Ask for what was created in that span; a worker puts it back into the queue. Raises EndpointDisabled."""
    if not endpoint.is_enabled:
        raise EndpointDisabled("Enable it first.")
    replay = WebhookReplay.objects.create(
        endpoint=endpoint, since=since, until=until, which=which, requested_at=at, due_at=at
    )
    wake_after_commit(SEND_DUE)
    return replay


def requeue(replay: WebhookReplay, *, at: datetime) -> int:
    """Put the served bank's part of a replay back into the queue, once; how many deliveries."""
    settled = WebhookDelivery.objects.filter(
        endpoint_id=replay.endpoint_id,
        created_at__gte=replay.since,
        created_at__lt=replay.until,
        # What this replay brought back before, and has been settled anew, stays settled.
        settled_at__lt=replay.requested_at,
    )
    if replay.which == WebhookReplay.Which.UNDELIVERED:
        settled = settled.exclude(status=WebhookDelivery.Status.DELIVERED)
    return settled.update(
        status=WebhookDelivery.Status.PENDING, reason="", settled_at=None, attempts=0, due_at=at
    )


def finish_replay(replay: WebhookReplay, *, queued: int, at: datetime) -> None:
    replay.queued, replay.due_at, replay.finished_at = queued, None, at
    replay.save(update_fields=["queued", "due_at", "finished_at"])


def request_test(*, endpoint: WebhookEndpoint, at: datetime) -> WebhookTest:
    """Ask for a ping of the endpoint, enabled or not."""
    test = WebhookTest.objects.create(endpoint=endpoint, requested_at=at, due_at=at)
    wake_after_commit(SEND_DUE)
    return test


def take_test(test_id: UUID, *, at: datetime) -> WebhookTest | None:
    """The test, for the one sender that gets it: it is never sent twice."""
    if not WebhookTest.objects.filter(pk=test_id, due_at__isnull=False).update(
        due_at=None, sent_at=at
    ):
        return None
    return WebhookTest.objects.select_related("endpoint").get(pk=test_id)


def settle_test(test: WebhookTest, tried: Tried) -> None:
    test.outcome, test.response_code = tried.outcome, tried.response_code
    test.latency_ms = tried.latency_ms
    test.save(update_fields=["outcome", "response_code", "latency_ms"])


# --- age --------------------------------------------------------------------------------------------


def forget_deliveries(*, before: datetime, at_most: int = 5000) -> int:
    """Delete the served bank's deliveries created before that time; how many rows."""
    old = WebhookDelivery.objects.filter(created_at__lt=before).values_list("pk", flat=True)
    gone, _tables = WebhookDelivery.objects.filter(pk__in=list(old[:at_most])).delete()
    return gone


def forget_endpoints(*, before: datetime) -> None:
    """Delete what programs did away with before that time, and what they were answered."""
    WebhookTest.objects.filter(requested_at__lt=before).delete()
    WebhookReplay.objects.filter(requested_at__lt=before).delete()
    for endpoint in WebhookEndpoint.objects.filter(deleted_at__lt=before):
        if not banks_of_endpoint(endpoint.id):
            endpoint.delete()
    ClientIdempotencyRecord.objects.filter(created_at__lt=before).delete()
