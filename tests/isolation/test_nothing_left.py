"""What breaks off or is refused leaves no row, at any door.

Each door is opened by whoever it is for, with a good call, again and again: the first time its first
write fails, then its second, until none does. Every table is looked at after each. Then each is called
with what is wrong in every way that can be told from its good call.
"""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from django.apps import apps
from django.db import transaction

from portal.tenancy.models import QueueModel
from tests.isolation.breaking import breaking_at
from tests.isolation.doors import Door, doors
from tests.isolation.impostors import arguments_of, rightful
from tests.isolation.routes import GOOD, Kind, Request, Route, routes, send
from tests.isolation.test_routes import OWNED, reach
from tests.isolation.witness import Change, Witness
from tests.isolation.world import World

pytestmark = pytest.mark.django_db(databases="__all__")

MOST_WRITES = 100
DOORS = list(doors())
QUEUES = frozenset(
    each._meta.db_table for each in apps.get_models() if issubclass(each, QueueModel)
)


def is_kept(door: Door, change: Change) -> bool:
    """What stays on purpose, for it was true before the door broke off."""
    is_changed = change.before is not None and change.after is not None
    if door.name.startswith("task "):
        # A worker's steps are committed one by one: claimed, on the record as told, settled.
        told = change.table == "accounts_disclosure" and change.row["recipient"] == "bank"
        # What is on the record waits to be sealed.
        waits = change.table == "accounts_unsealed" and change.before is None
        # Each kind that ages out is counted with what went, before the next is begun.
        counted = change.table == "partners_retentionrun"
        return (is_changed and change.table in QUEUES) or told or waits or counted
    if door.name.startswith("event "):
        # It is heard again later.
        return is_changed and change.table == "portal_outboxdelivery"
    # A code is spent by being shown, whatever comes of the window.
    return is_changed and change.table == "accounts_windowcode"


@pytest.mark.parametrize("door", DOORS, ids=lambda each: each.name)
def test_a_door_that_breaks_off_leaves_nothing(
    world: World, witness: Witness, door: Door, request: pytest.FixtureRequest
) -> None:
    if door.calls_bank:
        reach(world, request.getfixturevalue("reachable_bank"))
    for number in range(1, MOST_WRITES):
        call = door.prepare(world)
        witness.changes()
        answered = None
        with breaking_at(number) as breaking, suppress(Exception):
            answered = call()
        # Refused before the database saw it: the test's own transaction is as good as it was.
        transaction.set_rollback(False)
        if not breaking.broke_at:
            assert getattr(answered, "status_code", 200) < 400, answered
            assert number > 1 or not door.writes, "say in NOTHING_TO_WRITE why nothing is written"
            return
        told = f"broken off at write {number}, of {breaking.broke_at}"
        left = [str(each) for each in witness.changes() if not is_kept(door, each)]
        assert left == [], told
    raise AssertionError("it never came to its end")


# --- refused ------------------------------------------------------------------------------------------

WRONG: tuple[Any, ...] = ("", "nonsense\x00" * 2000, -1, None, [{}])
WRITTEN = [
    (route, method)
    for route in routes()
    for method in ("POST", "PUT", "PATCH", "DELETE")
    if route.kind in OWNED and (route.key, method) in GOOD
]


def wrong_bodies(good: Request, *, is_json: bool) -> Iterator[Request]:
    """The good one with one thing wrong: a member left out, of another kind, or that nobody asked for."""
    body: Mapping[str, Any] = good.body or {}
    for name in body:
        yield replace(good, body={key: body[key] for key in body if key != name})
        for wrong in WRONG if is_json else WRONG[:2]:
            yield replace(good, body={**body, name: wrong})
    if not is_json:
        return
    yield replace(good, body={**body, "nobody asked": "for this"})
    yield replace(good, headers={})
    for kind, text in (("application/json", "{"), ("application/json", "[1]"), ("text/csv", "a")):
        yield replace(good, body=text, content_type=kind)


@pytest.mark.parametrize(
    ("route", "method"), WRITTEN, ids=[f"{method} {route.key}" for route, method in WRITTEN]
)
def test_what_is_refused_leaves_nothing(
    world: World,
    witness: Witness,
    route: Route,
    method: str,
    request: pytest.FixtureRequest,
) -> None:
    good = GOOD[route.key, method]
    if good.calls_bank:
        reach(world, request.getfixturevalue("reachable_bank"))
    path = route.path(arguments_of(world, world.victim))
    is_json = route.kind in {Kind.CUSTOMER, Kind.CLIENT, Kind.PROGRAM}
    refused = 0
    for sent in wrong_bodies(good.make(world, world.victim), is_json=is_json):
        witness.changes()
        answered = send(route, method, path, sent, rightful(world, route))
        assert answered.status_code < 500, f"{sent}: {answered.content}"
        if answered.status_code >= 400:
            refused += 1
            assert [str(each) for each in witness.changes()] == [], f"{sent}"

    assert refused or not is_json
