"""Every route of every host, as everybody whose it is not: nothing seen, nothing written.

The routes are found by walking the addresses (`routes.py`), who tries them is in `impostors.py`. Each
route is also opened by whoever it is for, so that the rest of this file could fail.
"""

import pytest
from django.conf import settings

from portal.tenancy.blocks import serving
from tests.isolation.impostors import Attempt, arguments_of, attempts, rightful
from tests.isolation.routes import (
    GOOD,
    HISTORY,
    KINDS,
    METHODS,
    SAFE,
    Good,
    Kind,
    Request,
    Route,
    routes,
    send,
)
from tests.isolation.telltales import seen
from tests.isolation.witness import Change, Witness, undone
from tests.isolation.world import World
from tests.sandbox_bank import SandboxBank, connect

pytestmark = pytest.mark.django_db(databases="__all__")

OWNED = frozenset(Kind) - {Kind.PERSON, Kind.PROVEN, Kind.OPEN}
ARGUMENTS = frozenset(
    {"slug", "staff_id", "kind", "code", "account_id", "conversation_id", "message_id", "key"}
) | {
    "consent_id",
    "customer_id",
    "disclosure_id",
    "erasure_id",
    "import_id",
    "endpoint_id",
    "test_id",
    "replay_id",
    "delivery",
    "browser_id",
    "way",
    "form",
}
# What tells a stranger no more than "there is nothing", in a status of its own.
OTHER_REFUSALS: dict[tuple[str, str], set[int]] = {
    # A way back from the bank that was not this window's is one that is no longer valid.
    ("chat /link/callback", "GET"): {409},
    # Pressed twice it is forgotten too: whoever's it was, "no more notifications there" is true.
    ("chat /reaching/browsers/<uuid:browser_id>/forget", "POST"): {302},
}
# Parts of pages that count, or say what the bank chose, and name nobody.
SHOWS_NOTHING = frozenset(
    {
        "console /operator/counts/",
        "console /banks/<slug:slug>/live/",
        "console /banks/<slug:slug>/integration/test/",
        "console /banks/<slug:slug>/feeds/<slug:kind>/example/",
        "console /banks/<slug:slug>/retention/evidence.<slug:form>",
        "chat /link/begin",
        "console /banks/<slug:slug>/statement-files/<uuid:import_id>/progress/",
        HISTORY,
        "chat /sharing/check",
    }
)


def of_kinds(kinds: frozenset[Kind]) -> list[Route]:
    return [each for each in routes() if each.kind in kinds]


def by_key(found: list[Route]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("route", found, ids=lambda each: each.key)


# --- the list itself ------------------------------------------------------------------------------


def test_every_route_says_whose_it_is() -> None:
    assert [each.key for each in routes() if each.kind is None] == []
    assert set(KINDS) - {each.key for each in routes()} == set()
    assert {key for key, _method in GOOD} - {each.key for each in routes()} == set()


def test_every_argument_can_be_filled() -> None:
    unknown = {
        name for route in of_kinds(OWNED) for name in route.arguments if name not in ARGUMENTS
    }
    assert unknown == set()


def test_a_key_is_one_route() -> None:
    keys = [each.key for each in routes()]
    assert sorted(set(keys)) == sorted(keys)


def test_the_short_ways_of_development_are_not_there() -> None:
    assert not settings.DEVELOPMENT
    assert [each.key for each in routes() if each.view.__module__ == "portal.local.start"] == []


# --- who is let in --------------------------------------------------------------------------------


@by_key(of_kinds(OWNED))
def test_whose_it_is_comes_in(world: World, route: Route, request: pytest.FixtureRequest) -> None:
    path = route.path(arguments_of(world, world.victim))
    offered = []
    for method in METHODS:
        good = route.good(method) or Good()
        if good.calls_bank:
            reach(world, request.getfixturevalue("reachable_bank"))
        with undone():
            sent = good.make(world, world.victim)
            answered = send(route, method, path, sent, rightful(world, route))
        if answered.status_code == 405:
            continue
        offered.append(method)
        assert route.good(method) is not None, f"{route.key}: say in GOOD what a good {method} is"
        assert 200 <= answered.status_code < 400, answered.content
        assert "/sign-in/" not in answered.headers.get("Location", "")
        if method in SAFE and answered.status_code == 200 and route.key not in SHOWS_NOTHING:
            shown = world.secrets_of_bank() | world.secrets_of_victim(world.stranger)
            shown |= world.secrets_of_hooks() if route.kind is Kind.PROGRAM else frozenset()
            assert seen(answered, shown, "" if route.kind is Kind.PROGRAM else path)
    assert tuple(offered) == route.methods


def reach(world: World, sandbox: SandboxBank) -> None:
    """The victim's bank can be called from now on."""
    with serving(world.house.bank.id):
        connect(sandbox)


# --- who is not -----------------------------------------------------------------------------------


@by_key(of_kinds(OWNED))
def test_nobody_else_sees_or_writes_anything(world: World, route: Route, witness: Witness) -> None:
    for attempt in list(attempts(world, route)):
        witness.changes()
        for method in route.methods:
            require_nothing(world, route, method, attempt, witness)


def require_nothing(
    world: World, route: Route, method: str, attempt: Attempt, witness: Witness
) -> None:
    good = route.good(method) or Good()
    sent = good.make(world, world.victim)
    # What has to be so for a good one is not the attempt's.
    witness.changes()
    path = route.path(attempt.arguments)
    answered = send(route, method, path, sent, attempt.headers)
    told = f"{method} {route.key} as {attempt.who}: {answered.status_code}"

    written = [str(each) for each in witness.changes() if not is_their_own(each, world, attempt)]
    assert written == [], told
    assert seen(answered, attempt.secrets, f"{path} {sent} {attempt.headers}") == set(), told
    require_refused(route, method, attempt, answered, told)


def require_refused(
    route: Route, method: str, attempt: Attempt, answered: object, told: str
) -> None:
    status: int = answered.status_code  # type: ignore[attr-defined]  # the test client's answer
    expected = OTHER_REFUSALS.get((route.key, method), attempt.status)
    if attempt.status == {404}:
        assert status in expected, told
    elif attempt.status:
        assert status in attempt.status, told
        location: str = answered.headers.get("Location", "")  # type: ignore[attr-defined]  # as above
        assert location.startswith(attempt.location), told
    else:
        assert status not in {401, 403, 500}, told


def is_their_own(change: Change, world: World, attempt: Attempt) -> bool:
    """A refusal on the caller's own record; or at a door of theirs, a row that is about nobody else."""
    if change.table in {"accounts_disclosure", "accounts_disclosurecount"}:
        return is_own_record(change, attempt) or is_look_at_home(change, world)
    if change.table == "accounts_unsealed":
        # The id of such a record, and nothing else, until it is sealed.
        at_home = change.bank_id != str(world.victim.bank_id)
        return change.before is None and (bool(attempt.recipient) or at_home)
    may_write = bank_of(world, attempt) | ({""} if attempt.of_no_bank else set())
    if attempt.status or change.bank_id not in may_write:
        return False
    return not speaks_of(change, attempt.secrets)


def is_own_record(change: Change, attempt: Attempt) -> bool:
    row = change.row
    released = row.get("decision") == "released"
    own = row["recipient"] == attempt.recipient and row["pseudonym"] in {
        None,
        attempt.pseudonym,
    }
    return own and bool(attempt.recipient) and not (released and attempt.status)


def is_look_at_home(change: Change, world: World) -> bool:
    """Staff of another bank look at what is to be reviewed at their own."""
    look = (change.row["purpose"], change.row["recipient"][:6]) if "purpose" in change.row else ()
    return look == ("entry_review", "staff:") and change.bank_id != str(world.victim.bank_id)


def bank_of(world: World, attempt: Attempt) -> set[str]:
    """Where an attempt's own rows may be: at the bank of the pseudonym that it goes by."""
    homes = {str(each.customer.pseudonym): str(each.bank_id) for each in world.homes()}
    return {homes[attempt.pseudonym]} if attempt.pseudonym in homes else set()


# --- what is open ---------------------------------------------------------------------------------


@by_key(of_kinds(frozenset({Kind.PERSON, Kind.OPEN, Kind.PROVEN})))
def test_what_is_open_shows_and_changes_nothing_of_anybodys(
    world: World, route: Route, witness: Witness
) -> None:
    owner = world.house.staff["owner"].person
    guessed = {"login": owner.email, "email": owner.email, "password": "x", "code": "000000"}
    secrets = world.secrets_of_bank() | world.secrets_of_victim(world.stranger)
    # Which banks offer their chat is no secret.
    secrets -= {world.house.bank.name} | world.published()
    path = route.path(arguments_of(world, world.victim))
    for cookie in ("", world.other_house.owner, world.stranger.window):
        for method in ("GET", "POST"):
            good = route.good("GET") or Good()
            sent = good.make(world, world.victim) if method == "GET" else Request(guessed)
            answered = send(route, method, path, sent, {"Cookie": cookie} if cookie else {})
            told = f"{method} {route.key} with {cookie or 'no cookie'}: {answered.status_code}"

            assert answered.status_code < 500, told
            assert seen(answered, secrets, f"{path} {sent}") == set(), told
            written = [
                str(each) for each in witness.changes() if each.bank_id or speaks_of(each, secrets)
            ]
            assert written == [], told


def speaks_of(change: Change, secrets: frozenset[str]) -> bool:
    return any(each in change.text for each in secrets)
