"""The doors for a bank's own tools: is the process alive, is it ready, and what it has counted."""

from functools import cache
from typing import Any

import redis
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils import timezone
from django.utils.crypto import constant_time_compare
from django.views.decorators.http import require_safe
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.core import GaugeMetricFamily

from partners.feeds.queries import unreadable_rows
from portal.outbox.pokes import valkey
from portal.rest.problems import NotFound, problem_response
from portal.telemetry.measures import gathered
from portal.telemetry.queues import queue_tables, standings


@require_safe
def alive(_request: HttpRequest) -> HttpResponse:
    """Answers while the process does; says nothing of the servers behind it."""
    return HttpResponse("ok", content_type="text/plain")


@require_safe
def ready(_request: HttpRequest) -> HttpResponse:
    """200 while this process can serve, 503 while it cannot. Without Valkey it can, only later."""
    parts = {"database": _database(), "valkey": _valkey()}
    serves = parts["database"] == "ok"
    return JsonResponse({"ready": serves, **parts}, status=200 if serves else 503)


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """What Prometheus reads, for whoever sends PORTAL_METRICS_TOKEN as a bearer token; else 404."""
    scheme, _space, given = request.headers.get("Authorization", "").partition(" ")
    wanted = settings.METRICS_TOKEN
    if not wanted or scheme.lower() != "bearer" or not constant_time_compare(given, wanted):
        return problem_response(NotFound())
    text = generate_latest(gathered()) + generate_latest(_Queues())
    return HttpResponse(text, content_type=CONTENT_TYPE_LATEST)


class _Queues:
    """The queues of record, read when they are asked for."""

    def collect(self) -> list[Any]:
        due = GaugeMetricFamily("portal_queue_due", "Work that is due now", labels=["queue"])
        late = GaugeMetricFamily(
            "portal_queue_late_seconds",
            "How long the oldest due work has waited",
            labels=["queue"],
        )
        found = standings(at=timezone.now())
        for table in queue_tables():
            mine = [each for each in found if each.queue == table]
            due.add_metric([table], sum(each.due for each in mine))
            late.add_metric([table], max((each.late.total_seconds() for each in mine), default=0))
        unreadable = GaugeMetricFamily(
            "portal_unreadable_rows",
            "Rows of banks' feeds that could not be read, and were not since",
            value=unreadable_rows(),
        )
        return [due, late, unreadable]


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
        _require_migrated()
    except DatabaseError:
        return "away"
    except NotMigrated:
        return "not migrated"
    return "ok"


class NotMigrated(RuntimeError):
    """The code knows tables that the database has not."""


@cache
def _require_migrated() -> None:
    """Raises NotMigrated; asked until it is so, since a failure is not remembered."""
    executor = MigrationExecutor(connection)
    if executor.migration_plan(executor.loader.graph.leaf_nodes()):
        raise NotMigrated


def _valkey() -> str:
    try:
        valkey().ping()
    except (redis.RedisError, OSError):
        return "away"
    return "ok"
