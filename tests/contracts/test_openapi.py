"""The OpenAPI file is complete, says what the doors really answer, and has a page to browse it."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone
from drf_spectacular.drainage import GENERATOR_STATS

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.sealing import seal_due
from messaging.webhooks.sending import send_everything_due
from partners.ledger.models import Entry
from portal.rest.browsing import schema_of
from portal.tenancy.blocks import serving
from tests.factories.accounts import Household, change_entry, make_entry, make_household
from tests.factories.purchases import LINES, tell_receipt, tell_shipment
from tests.messaging.delivery.scene import Scene
from tests.messaging.webhooks.test_api import Hooks
from tests.partners.sharing.test_api import Program, make_program

HOOKS = "/api/v1/webhook-endpoints"
LOG = "/disclosures/{bank_id}"
API_HOST = f"api.{settings.PORTAL_BASE_HOST}"


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    GENERATOR_STATS.reset()
    return schema_of("portal.urls.api", origin=settings.API_ORIGIN)


def test_making_it_warns_of_nothing(described: dict[str, Any]) -> None:
    assert described["paths"]
    assert not GENERATOR_STATS, [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]


def test_it_lists_every_door_and_whom_it_lets_in(described: dict[str, Any]) -> None:
    assert sorted(described["paths"]) == [
        "/api/v1/accounts",
        "/api/v1/accounts/{account_id}",
        "/api/v1/accounts/{account_id}/balances",
        "/api/v1/accounts/{account_id}/receipts",
        "/api/v1/accounts/{account_id}/shipments",
        "/api/v1/accounts/{account_id}/transactions",
        "/api/v1/consent",
        "/api/v1/realtime/tickets",
        "/api/v1/transactions/sync",
        HOOKS,
        f"{HOOKS}/{{endpoint_id}}",
        f"{HOOKS}/{{endpoint_id}}/deliveries",
        f"{HOOKS}/{{endpoint_id}}/deliveries/{{delivery}}",
        f"{HOOKS}/{{endpoint_id}}/deliveries/{{delivery}}/replay",
        f"{HOOKS}/{{endpoint_id}}/replays",
        f"{HOOKS}/{{endpoint_id}}/replays/{{replay_id}}",
        f"{HOOKS}/{{endpoint_id}}/rotate-secret",
        f"{HOOKS}/{{endpoint_id}}/test",
        f"{HOOKS}/{{endpoint_id}}/tests/{{test_id}}",
        *(f"{LOG}/{each}" for each in ("checkpoint", "checkpoints", "consistency", "keys")),
    ]
    for path, methods in described["paths"].items():
        security = [] if path.startswith(LOG) else [{"client": []}]
        assert all(each["security"] == security for each in methods.values())
    assert described["servers"] == [{"url": settings.API_ORIGIN}]


def answer_schema(
    described: Mapping[str, Any], path: str, status: int, method: str = "get"
) -> dict[str, Any]:
    answers = described["paths"][path][method]["responses"][str(status)]["content"]
    (found,) = answers.values()
    return {**found["schema"], "components": described["components"]}


def require_described(
    described: Mapping[str, Any], path: str, answered: Any, method: str = "get"
) -> None:
    schema = answer_schema(described, path, answered.status_code, method)
    closed = closed_objects(schema)
    checker = jsonschema.Draft202012Validator(
        closed, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    checker.validate(answered.json())
    described_as = described["paths"][path][method]["responses"][str(answered.status_code)]
    assert answered.headers["Content-Type"] in described_as["content"]


def closed_objects(schema: Any) -> Any:
    """The same schema, in which an object has no fields that are not described."""
    if isinstance(schema, list):
        return [closed_objects(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {name: closed_objects(each) for name, each in schema.items()}
    if closed.get("type") == "object" and "properties" in closed:
        closed["additionalProperties"] = False
    return closed


@pytest.fixture
def home() -> Household:
    made = make_household()
    bought = make_entry(
        made.account,
        original_amount_minor=-1500,
        original_currency="USD",
        exchange_rate="0.82",
        booked_at=None,
        description="",
    )
    bare = replace(LINES[0], description="", unit="")
    tell_receipt(bought, discount_minor=20, total_minor=1400)
    tell_receipt(bought, lines=(bare,), total_minor=900, tax_minor=None, merchant_place="")
    tell_receipt(bought, tax_included=False, tax_minor=80, total_minor=1500)
    tell_shipment(bought)
    tell_shipment(bought, "ordered", carrier="", tracking_code="", expected_on=None, events=())
    return made


@pytest.mark.django_db
def test_every_answer_is_as_described(described: dict[str, Any], home: Household) -> None:
    program = make_program(home)
    read = [
        path
        for path, methods in described["paths"].items()
        if "get" in methods and not path.startswith((HOOKS, LOG))
    ]
    paths = {each: each.format(account_id=home.account.id) for each in read}

    for template, path in paths.items():
        answered = program.get(path.removeprefix("/api/v1/"))
        assert answered.status_code == 200, path
        require_described(described, template, answered)


@pytest.mark.django_db
def test_what_is_published_of_the_log_is_as_described(
    described: dict[str, Any], home: Household
) -> None:
    for _ in range(2):
        make_program(home).get("accounts")
        seal_due(bank_id=home.bank_id, clock=timezone.now)
    spans = {"first": "1", "second": "2"}
    asked = {
        "checkpoint": ({}, {"size": "99999"}, {"size": "-1"}),
        "checkpoints": ({}, {"before": "1"}, {"before": ""}),
        "keys": ({},),
        "consistency": (spans, {"first": "1"}, spans | {"second": "99999"}),
    }

    for name, queries in asked.items():
        for query, status in zip(queries, (200, 404, 400), strict=False):
            path = f"/disclosures/{home.bank_id}/{name}"
            answered = Browser().get(path, query, headers={"Host": API_HOST})
            if name == "checkpoint" and status == 200:
                assert answered.headers["Content-Type"].startswith("text/plain")
                continue
            require_described(described, f"{LOG}/{name}", answered)


@pytest.mark.django_db
def test_the_chats_file_tells_of_the_chats_doors_alone() -> None:
    chat = schema_of("portal.urls.chat", origin=settings.CHAT_ORIGIN)
    assert [each for each in chat["paths"] if each.startswith("/disclosures")] == []


@pytest.mark.django_db
def test_tickets_are_as_described(described: dict[str, Any], home: Household) -> None:
    program, path = make_program(home), "/api/v1/realtime/tickets"
    answers = {
        201: program.post("realtime/tickets", {}),
        400: program.post("realtime/tickets", {"more": 1}),
        415: program.post("realtime/tickets", "more", content_type="text/plain"),
    }

    for status, answered in answers.items():
        assert answered.status_code == status
        require_described(described, path, answered, "post")


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_webhooks_are_as_described(described: dict[str, Any]) -> None:
    scene = Scene()
    hooks = Hooks(scene.program)
    made = hooks.create("http://127.0.0.1:9/")
    one, endpoint = f"{HOOKS}/{{endpoint_id}}", f"/{made['id']}"
    scene.change()
    (delivery, *_) = hooks.get(f"{endpoint}/deliveries").json()["deliveries"]
    sent = f"{endpoint}/deliveries/{delivery['id']}"
    test = hooks.send("POST", f"{endpoint}/test")
    replay = hooks.send("POST", f"{endpoint}/replays", {"since": made["created_at"]})
    send_everything_due(clock=timezone.now)

    answers: list[tuple[str, str, int, Any]] = [
        (HOOKS, "get", 200, hooks.get()),
        (HOOKS, "post", 201, hooks.send("POST", body={"url": "https://hooks.example/"})),
        (HOOKS, "post", 400, hooks.send("POST", body={"url": "ftp://hooks.example/"})),
        (one, "get", 200, hooks.get(endpoint)),
        (one, "patch", 200, hooks.send("PATCH", endpoint, {"description": "Here"})),
        (f"{one}/rotate-secret", "post", 201, hooks.send("POST", f"{endpoint}/rotate-secret")),
        (f"{one}/test", "post", 202, test),
        (
            f"{one}/tests/{{test_id}}",
            "get",
            200,
            hooks.get(f"{endpoint}/tests/{test.json()['id']}"),
        ),
        (f"{one}/deliveries", "get", 200, hooks.get(f"{endpoint}/deliveries?limit=1")),
        (f"{one}/deliveries/{{delivery}}", "get", 200, hooks.get(sent)),
        (
            f"{one}/deliveries/{{delivery}}/replay",
            "post",
            202,
            hooks.send("POST", f"{sent}/replay"),
        ),
        (f"{one}/replays", "post", 202, replay),
        (
            f"{one}/replays/{{replay_id}}",
            "get",
            200,
            hooks.get(f"{endpoint}/replays/{replay.json()['id']}"),
        ),
        (one, "get", 404, hooks.get(f"/{uuid4()}")),
    ]
    gone = hooks.send("DELETE", endpoint)

    assert answers[9][3].json()["attempts"][0]["outcome"] == "unreachable"
    for template, method, status, answered in answers:
        assert answered.status_code == status, (template, method, answered.content)
        require_described(described, template, answered, method)
    assert (gone.status_code, gone.content) == (204, b"")
    assert "204" in described["paths"][one]["delete"]["responses"]


@pytest.mark.django_db
def test_pages_and_changes_are_as_described(described: dict[str, Any], home: Household) -> None:
    program = make_program(home)
    page = program.get(f"accounts/{home.account.id}/transactions?limit=1")
    require_described(described, "/api/v1/accounts/{account_id}/transactions", page)
    start = program.get("transactions/sync").json()
    with serving(home.bank_id):
        first, second = Entry.objects.order_by("change_seq")[:2]
    change_entry(first, description="CHANGED")
    change_entry(second, status="removed")

    after = program.get(f"transactions/sync?cursor={start['next_cursor']}")

    assert after.json()["modified"]
    assert after.json()["removed"]
    require_described(described, "/api/v1/transactions/sync", after)


@pytest.mark.django_db
def test_every_refusal_is_as_described(described: dict[str, Any], home: Household) -> None:
    program = make_program(home)
    nobody = Program(program.client, program.reference)
    nobody.token = "unknown"
    lost = Program(program.client, "con_unknown")
    path = "/api/v1/transactions/sync"

    answers = {
        400: program.get("transactions/sync?limit=0"),
        401: nobody.get("transactions/sync"),
        404: lost.get("transactions/sync"),
    }
    with serving(home.bank_id):
        revoke_consent(consent_id=Consent.objects.get().id, at=timezone.now(), by="customer")
    answers[403] = program.get("transactions/sync")

    for status, answered in answers.items():
        assert answered.status_code == status
        require_described(described, path, answered)


@pytest.mark.parametrize("urlconf", ["portal.urls.api", "portal.urls.chat"])
def test_every_door_says_what_comes_before_it_is_asked(urlconf: str) -> None:
    GENERATOR_STATS.reset()
    described = schema_of(urlconf, origin=settings.API_ORIGIN)

    assert not GENERATOR_STATS, [*GENERATOR_STATS._warn_cache, *GENERATOR_STATS._error_cache]
    for path, methods in described["paths"].items():
        for method, said in methods.items():
            if path.startswith(LOG):
                continue  # plain views, which ask for less before
            expected = {"400", "406"}
            expected |= {"401"} if said.get("security") else set()
            expected |= {"404"} if "{" in path else set()
            expected |= {"413", "415"} if "requestBody" in said else set()
            assert expected <= set(said["responses"]), (method, path)
            refusals = {code: each for code, each in said["responses"].items() if code >= "400"}
            for code, each in refusals.items():
                assert list(each["content"]) == ["application/problem+json"], (method, path, code)


@pytest.mark.django_db
def test_html_is_not_offered_and_format_is_no_word_of_ours(
    described: dict[str, Any], home: Household
) -> None:
    program = make_program(home)
    answers = {
        406: program.get("accounts", Accept="text/html"),
        400: program.get("accounts?format=json"),
    }

    for status, answered in answers.items():
        assert answered.status_code == status
        require_described(described, "/api/v1/accounts", answered)


@pytest.mark.django_db
def test_the_chats_own_file_is_beside_its_doors() -> None:
    browser = Browser(headers={"Host": f"chat.{settings.PORTAL_BASE_HOST}"})

    file = browser.get("/api/v1/openapi.json").json()

    assert file["servers"] == [{"url": settings.CHAT_ORIGIN}]
    assert "/api/v1/conversations/{conversation_id}/messages" in file["paths"]
    assert "/api/v1/consent" not in file["paths"]


def test_a_field_that_is_not_described_would_be_found(described: dict[str, Any]) -> None:
    schema = closed_objects(answer_schema(described, "/api/v1/accounts", 200))

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"accounts": [], "secret": 1}, schema)


@pytest.mark.django_db
def test_the_file_and_the_page_are_served() -> None:
    browser = Browser(headers={"Host": API_HOST})

    file, page = browser.get("/api/v1/openapi.json"), browser.get("/api/v1/docs")

    assert file.json()["openapi"].startswith("3.")
    assert file.json()["info"]["title"]
    assert page.status_code == 200
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    told = page.content.decode()
    for path, methods in file.json()["paths"].items():
        for said in methods.values():
            assert f'id="{said["operationId"]}"' in told
        assert path in told
