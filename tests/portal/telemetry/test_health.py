"""The doors for a bank's own tools, on the base host."""

from typing import Any

import pytest
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections
from django.test import Client

from portal.telemetry.queues import queue_tables

pytestmark = pytest.mark.django_db(databases=["default", "system"])
HOST = {"host": settings.PORTAL_AUTHORITY}


def ask(client: Client, path: str, **headers: str) -> Any:
    return client.get(path, headers=HOST | headers)


def test_a_process_says_that_it_lives_and_is_ready(client: Client) -> None:
    alive, ready = ask(client, "/healthz"), ask(client, "/readyz")

    assert (alive.status_code, alive.content) == (200, b"ok")
    assert ready.json() == {"ready": True, "database": "ok", "valkey": "ok"}


def test_without_its_database_it_is_not_ready_and_lives(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_arguments: Any, **_options: Any) -> None:
        raise OperationalError

    monkeypatch.setattr(connections[DEFAULT_DB_ALIAS], "cursor", away)

    ready = ask(client, "/readyz")

    assert (ready.status_code, ready.json()["ready"]) == (503, False)
    assert ask(client, "/healthz").status_code == 200


@pytest.mark.parametrize(
    "headers", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic for-tests-alone"}]
)
def test_strangers_read_no_counts(client: Client, headers: dict[str, str]) -> None:
    assert ask(client, "/metrics", **headers).status_code == 404


def test_whoever_has_the_token_reads_counts_of_requests_and_queues(client: Client) -> None:
    ask(client, "/healthz")

    read = ask(client, "/metrics", Authorization="Bearer for-tests-alone")

    text = read.content.decode()
    assert read.headers["Content-Type"].startswith("text/plain")
    assert 'portal_http_request_seconds_count{host="base",method="GET",route="/healthz"' in text
    for table in queue_tables():
        assert f'portal_queue_due{{queue="{table}"}} ' in text
    assert "\nportal_unreadable_rows 0.0\n" in text


def test_other_hosts_have_none_of_it(client: Client) -> None:
    for label in ("api", "chat", "console"):
        answered = client.get("/metrics", headers={"host": f"{label}.{settings.PORTAL_AUTHORITY}"})
        assert answered.status_code == 404
