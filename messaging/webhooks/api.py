"""The doors at which a client program says where it wants to be told, and sees how that went."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, TypeVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import Serializer

from accounts.clients.authentication import ClientAuthentication, client_of
from accounts.clients.limits import CountedDoor
from accounts.consent.references import consent_reference
from accounts.signin.limits import require_within
from messaging.conversations.rendering import instant
from messaging.webhooks import actions, bodies, queries
from messaging.webhooks.models import (
    WebhookAttempt,
    WebhookDelivery,
    WebhookEndpoint,
    WebhookReplay,
    WebhookSecret,
    WebhookTest,
)
from messaging.webhooks.references import delivery_reference, read_delivery_reference
from portal.rest.cursors import open_cursor, seal_cursor
from portal.rest.idempotency import Done, once, scope_of
from portal.rest.models import ClientIdempotencyRecord
from portal.rest.problems import NotFound
from portal.rest.schema import IDEMPOTENCY_KEY, ProblemBody
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import serving

TESTS_PER_MINUTE = 10
REPLAYS_PER_HOUR = 30

Method = TypeVar("Method", bound=Callable[..., Response])
Body = dict[str, Any]


def _documented(
    name: str, body: type[Serializer[Any]] | None, *, status: int = 200, **said: Any
) -> Callable[[Method], Method]:
    """What the OpenAPI file says of a door: what it takes and all that it answers."""
    writes = "request" in said
    refusals = (400, 401, 404, 429, *((409, 413, 415, 422) if writes else ()))
    described: Callable[[Method], Method] = extend_schema(
        operation_id=name,
        parameters=[*said.pop("parameters", []), *([IDEMPOTENCY_KEY] if writes else [])],
        responses={status: body, **dict.fromkeys(refusals, ProblemBody)},
        **said,
    )
    return described


class WebhookDoor(CountedDoor):
    """A door for client programs: to what is their own, and so to no bank's."""

    authentication_classes = [ClientAuthentication]

    def write(
        self, request: Request, form: type[Serializer[Any]], act: Callable[[Body, datetime], Done]
    ) -> Done:
        """Read the body, and do `act` with it once for its Idempotency-Key, in one transaction."""
        scope = scope_of(request, principal=client_of(request).name)
        given = _given(form, request.data)
        at = timezone.now()
        with transaction.atomic():
            return once(
                scope,
                request.data,
                at=at,
                act=lambda: act(given, at),
                records=ClientIdempotencyRecord,
            )


class EndpointsDoor(WebhookDoor):
    @_documented("list_webhook_endpoints", bodies.EndpointsBody)
    def get(self, request: Request) -> Response:
        """The program's endpoints, oldest first."""
        _given(bodies.Nothing, request.query_params.dict())
        mine = queries.endpoints_of(client_of(request).client_id)
        return Response({"endpoints": [_endpoint_body(each) for each in mine]})

    @_documented(
        "create_webhook_endpoint",
        bodies.NewEndpointBody,
        status=201,
        request=bodies.NewEndpoint,
    )
    def post(self, request: Request) -> Response:
        """A new endpoint. Its secret is told in this answer, and never again."""
        client_id = client_of(request).client_id

        def act(given: Body, at: datetime) -> Done:
            endpoint, secret = actions.create_endpoint(client_id=client_id, at=at, **given)
            return Done(201, {"endpoint": str(endpoint.id), "secret": str(secret.id)})

        done = self.write(request, bodies.NewEndpoint, act)
        endpoint = queries.get_endpoint(client_id, UUID(done.result["endpoint"]))
        secret = _secret_text(endpoint.id, done)
        return Response(_endpoint_body(endpoint) | {"secret": secret}, status=done.status)


class EndpointDoor(WebhookDoor):
    @_documented("get_webhook_endpoint", bodies.EndpointBody)
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """One endpoint."""
        _given(bodies.Nothing, request.query_params.dict())
        return Response(_endpoint_body(_endpoint(request, endpoint_id)))

    @_documented("change_webhook_endpoint", bodies.EndpointBody, request=bodies.EndpointChange)
    def patch(self, request: Request, endpoint_id: UUID) -> Response:
        """Change its url, what is told there, its description, or whether it is enabled."""
        client_id = client_of(request).client_id

        def act(given: Body, at: datetime) -> Done:
            actions.change_endpoint(
                client_id=client_id, endpoint_id=endpoint_id, changes=given, at=at
            )
            return Done(200, {})

        self.write(request, bodies.EndpointChange, act)
        return Response(_endpoint_body(_endpoint(request, endpoint_id)))

    @_documented("delete_webhook_endpoint", None, status=204, request=bodies.Nothing)
    def delete(self, request: Request, endpoint_id: UUID) -> Response:
        """Tell nothing there any more; what waits for it is cancelled."""
        client_id = client_of(request).client_id

        def act(_given: Body, at: datetime) -> Done:
            actions.delete_endpoint(client_id=client_id, endpoint_id=endpoint_id, at=at)
            return Done(204, {})

        self.write(request, bodies.Nothing, act)
        return Response(status=204)


class RotationDoor(WebhookDoor):
    @_documented("rotate_webhook_secret", bodies.SecretBody, status=201, request=bodies.Rotation)
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """A new secret. For a while messages carry a signature by each of the two."""
        client_id = client_of(request).client_id

        def act(given: Body, at: datetime) -> Done:
            overlap = timedelta(seconds=given["overlap_seconds"])
            secret = actions.rotate_secret(
                client_id=client_id, endpoint_id=endpoint_id, overlap=overlap, at=at
            )
            until = instant(at + overlap) if overlap else None
            return Done(201, {"secret": str(secret.id), "until": until})

        done = self.write(request, bodies.Rotation, act)
        endpoint = _endpoint(request, endpoint_id)
        body = {
            "secret": _secret_text(endpoint.id, done),
            "previous_expires_at": done.result["until"],
        }
        return Response(body, status=done.status)


class TestsDoor(WebhookDoor):
    @_documented(
        "test_webhook_endpoint", bodies.WebhookTestBody, status=202, request=bodies.Nothing
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send a `ping` there, once, enabled or not; `GET` it to see what came of it."""
        principal = client_of(request)
        require_within(f"webhook-tests:{principal.name}", at_most=TESTS_PER_MINUTE, seconds=60)

        def act(_given: Body, at: datetime) -> Done:
            endpoint = queries.get_endpoint(principal.client_id, endpoint_id)
            return Done(202, {"test": str(actions.request_test(endpoint=endpoint, at=at).id)})

        done = self.write(request, bodies.Nothing, act)
        test = queries.get_test(_endpoint(request, endpoint_id), UUID(done.result["test"]))
        return Response(_test_body(test), status=done.status)


class TestDoor(WebhookDoor):
    @_documented("get_webhook_test", bodies.WebhookTestBody)
    def get(self, request: Request, endpoint_id: UUID, test_id: UUID) -> Response:
        """What came of a ping."""
        _given(bodies.Nothing, request.query_params.dict())
        return Response(_test_body(queries.get_test(_endpoint(request, endpoint_id), test_id)))


class DeliveriesDoor(WebhookDoor):
    @_documented(
        "list_webhook_deliveries", bodies.DeliveriesBody, parameters=[bodies.DeliveriesRequest]
    )
    def get(self, request: Request, endpoint_id: UUID) -> Response:
        """What was sent there, or will be, newest first: each attempt, and never what it said."""
        given = _given(bodies.DeliveriesRequest, request.query_params.dict())
        endpoint = _endpoint(request, endpoint_id)
        bound_to = f"webhook-deliveries:{endpoint.id}"
        limit: int = given["limit"]
        found = _deliveries(endpoint, _before(given.get("cursor"), bound_to), given, limit + 1)
        page = found[:limit]
        has_more = len(found) > limit
        body = {
            "deliveries": page,
            "next_cursor": seal_cursor(page[-1]["id"], bound_to=bound_to) if has_more else None,
            "has_more": has_more,
        }
        return Response(body)


class DeliveryDoor(WebhookDoor):
    @_documented("get_webhook_delivery", bodies.DeliveryBody)
    def get(self, request: Request, endpoint_id: UUID, delivery: str) -> Response:
        """One delivery."""
        _given(bodies.Nothing, request.query_params.dict())
        return Response(_delivery(_endpoint(request, endpoint_id), delivery))


class DeliveryReplayDoor(WebhookDoor):
    @_documented(
        "replay_webhook_delivery", bodies.DeliveryBody, status=202, request=bodies.Nothing
    )
    def post(self, request: Request, endpoint_id: UUID, delivery: str) -> Response:
        """Send one delivery again, with the same `webhook-id`, as far as it may still be shown."""
        scope = scope_of(request, principal=client_of(request).name)
        _given(bodies.Nothing, request.data)
        endpoint = _endpoint(request, endpoint_id)
        bank_id, delivery_id = _named(delivery)
        at = timezone.now()

        def act() -> Done:
            actions.replay_delivery(endpoint=endpoint, delivery_id=delivery_id, at=at)
            return Done(202, {})

        with serving(bank_id):
            done = once(scope, request.data, at=at, act=act)
        return Response(_delivery(endpoint, delivery), status=done.status)


class ReplaysDoor(WebhookDoor):
    @_documented(
        "replay_webhooks", bodies.WebhookReplayBody, status=202, request=bodies.ReplaySpan
    )
    def post(self, request: Request, endpoint_id: UUID) -> Response:
        """Send what was created in a span of time again, each with its own `webhook-id`."""
        principal = client_of(request)
        require_within(f"webhook-replays:{principal.name}", at_most=REPLAYS_PER_HOUR, seconds=3600)

        def act(given: Body, at: datetime) -> Done:
            endpoint = queries.get_endpoint(principal.client_id, endpoint_id)
            replay = actions.request_replay(endpoint=endpoint, at=at, **given)
            return Done(202, {"replay": str(replay.id)})

        done = self.write(request, bodies.ReplaySpan, act)
        replay = queries.get_replay(_endpoint(request, endpoint_id), UUID(done.result["replay"]))
        return Response(_replay_body(replay), status=done.status)


class ReplayDoor(WebhookDoor):
    @_documented("get_webhook_replay", bodies.WebhookReplayBody)
    def get(self, request: Request, endpoint_id: UUID, replay_id: UUID) -> Response:
        """How far a replay is."""
        _given(bodies.Nothing, request.query_params.dict())
        return Response(
            _replay_body(queries.get_replay(_endpoint(request, endpoint_id), replay_id))
        )


def _given(form: type[Serializer[Any]], data: Any) -> Body:
    asked = form(data=data)
    asked.is_valid(raise_exception=True)
    values: Body = asked.validated_data
    return values


def _endpoint(request: Request, endpoint_id: UUID) -> WebhookEndpoint:
    return queries.get_endpoint(client_of(request).client_id, endpoint_id)


def _secret_text(endpoint_id: UUID, done: Done) -> str | None:
    """The secret that the write made; None where it has been replaced since."""
    found = WebhookSecret.objects.filter(pk=done.result["secret"], endpoint_id=endpoint_id).first()
    return None if found is None else open_secret(found, "secret")


def _named(delivery: str) -> tuple[UUID, UUID]:
    named = read_delivery_reference(delivery)
    if named is None:
        raise NotFound
    return named


def _before(cursor: str | None, bound_to: str) -> UUID | None:
    if cursor is None:
        return None
    return _named(open_cursor(cursor, bound_to=bound_to))[1]


def _delivery(endpoint: WebhookEndpoint, reference: str) -> Body:
    bank_id, delivery_id = _named(reference)
    with serving(bank_id):
        found = queries.get_delivery(endpoint.id, delivery_id)
        attempts = queries.attempts_of([found.id])[found.id]
        return _delivery_body(bank_id, found, attempts)


def _deliveries(
    endpoint: WebhookEndpoint, before: UUID | None, given: Mapping[str, Any], at_most: int
) -> list[Body]:
    """The newest of all banks together: ids are made in the order of time, whichever bank's they are."""
    shown: list[tuple[UUID, Body]] = []
    for bank_id in queries.banks_of_endpoint(endpoint.id):
        with serving(bank_id):
            found = queries.deliveries_of(
                endpoint.id, before=before, status=given.get("status"), at_most=at_most
            )
            attempts = queries.attempts_of([each.id for each in found])
            shown += [(it.id, _delivery_body(bank_id, it, attempts[it.id])) for it in found]
    shown.sort(key=lambda each: each[0], reverse=True)
    return [body for _id, body in shown[:at_most]]


def _endpoint_body(endpoint: WebhookEndpoint) -> Body:
    return {
        "id": str(endpoint.id),
        "url": endpoint.url,
        "event_types": endpoint.event_types,
        "description": endpoint.description,
        "enabled": endpoint.is_enabled,
        "disabled_why": endpoint.disabled_why,
        "failures": endpoint.failures,
        "created_at": instant(endpoint.created_at),
        "changed_at": instant(endpoint.changed_at),
    }


def _delivery_body(
    bank_id: UUID, delivery: WebhookDelivery, attempts: Sequence[WebhookAttempt]
) -> Body:
    return {
        "id": delivery_reference(bank_id, delivery.id),
        "event_id": str(delivery.event_id),
        "event_type": delivery.event.kind,
        "consent": consent_reference(bank_id, delivery.consent_id),
        "status": delivery.status,
        "reason": delivery.reason,
        "created_at": instant(delivery.created_at),
        "settled_at": instant(delivery.settled_at),
        "next_attempt_at": instant(delivery.due_at),
        "attempts": [
            {
                "number": each.number,
                "at": instant(each.at),
                "outcome": each.outcome,
                "response_code": each.response_code,
                "latency_ms": each.latency_ms,
            }
            for each in attempts
        ],
    }


def _test_body(test: WebhookTest) -> Body:
    return {
        "id": str(test.id),
        "requested_at": instant(test.requested_at),
        "sent_at": instant(test.sent_at),
        "outcome": test.outcome,
        "response_code": test.response_code,
        "latency_ms": test.latency_ms,
    }


def _replay_body(replay: WebhookReplay) -> Body:
    return {
        "id": str(replay.id),
        "since": instant(replay.since),
        "until": instant(replay.until),
        "which": replay.which,
        "requested_at": instant(replay.requested_at),
        "finished_at": instant(replay.finished_at),
        "queued": replay.queued,
    }
