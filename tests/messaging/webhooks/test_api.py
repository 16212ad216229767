"""The doors at which a program says where it wants to be told."""

from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from django.utils import timezone

from messaging.webhooks.models import WebhookEndpoint, WebhookSecret
from tests.factories.accounts import make_client
from tests.partners.sharing.test_api import Program

pytestmark = pytest.mark.django_db
URL = "https://hooks.thrift.example/in"


class Hooks:
    """A program at the doors of its webhooks."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def get(self, path: str = "") -> Any:
        return self.program.get(f"webhook-endpoints{path}")

    def send(self, method: str, path: str = "", body: Any = None, key: str = "") -> Any:
        headers = {"Idempotency-Key": key or uuid4().hex}
        return self.program.write(method, f"webhook-endpoints{path}", body or {}, **headers)

    def create(self, url: str = URL, **fields: Any) -> dict[str, Any]:
        answered = self.send("POST", body={"url": url, **fields})
        assert answered.status_code == 201, answered.content
        made: dict[str, Any] = answered.json()
        return made


@pytest.fixture
def hooks() -> Hooks:
    return Hooks(Program(make_client(), ""))


def slug(answered: Any) -> str:
    assert answered.headers["Content-Type"] == "application/problem+json"
    return str(answered.json()["type"]).rpartition("/")[2]


def test_an_endpoint_is_made_and_its_secret_told_once(hooks: Hooks) -> None:
    made = hooks.create(event_types=["alert.raised"], description="Alerts")

    secret = made.pop("secret")
    assert secret.startswith("whsec_")
    assert hooks.get(f"/{made['id']}").json() == made
    assert hooks.get().json() == {"endpoints": [made]}
    assert (made["enabled"], made["disabled_why"], made["failures"]) == (True, "", 0)
    assert made["event_types"] == ["alert.raised"]


def test_the_secret_is_kept_sealed(hooks: Hooks) -> None:
    secret = hooks.create()["secret"]

    (kept,) = WebhookSecret.objects.all()
    assert secret.removeprefix("whsec_") not in kept.secret
    assert kept.secret.startswith("v1.")


def test_the_same_request_again_is_the_same_endpoint_and_secret(hooks: Hooks) -> None:
    key = uuid4().hex
    first = hooks.send("POST", body={"url": URL}, key=key)
    again = hooks.send("POST", body={"url": URL}, key=key)
    other = hooks.send("POST", body={"url": URL + "2"}, key=key)
    none = hooks.program.post("webhook-endpoints", {"url": URL})

    assert (again.status_code, again.json()) == (201, first.json())
    assert (other.status_code, slug(other)) == (422, "idempotency-key-reused")
    assert (none.status_code, slug(none)) == (400, "invalid-request")
    assert WebhookEndpoint.objects.count() == 1


@pytest.mark.parametrize(
    "body",
    [
        {},
        [],
        {"url": 7},
        {"url": "http://hooks.thrift.example"},
        {"url": "https://10.0.0.1/"},
        {"url": URL, "event_types": ["alert.sung"]},
        {"url": URL, "event_types": "alert.raised"},
        {"url": URL, "event_types": ["ping"]},
        {"url": URL, "description": "x" * 201},
        {"url": URL, "secret": "mine"},
        {"url": URL, "enabled": False},
    ],
)
def test_odd_endpoints_are_refused(hooks: Hooks, body: Any) -> None:
    headers = {"Idempotency-Key": uuid4().hex}
    answered = hooks.program.write("POST", "webhook-endpoints", body, **headers)

    assert (answered.status_code, slug(answered)) == (400, "invalid-request")
    assert WebhookEndpoint.objects.count() == 0


def test_this_very_machine_is_refused_unless_a_setting_lets_it(
    hooks: Hooks, settings: Any
) -> None:
    allowed = hooks.send("POST", body={"url": "http://127.0.0.1:9/in"})
    settings.CALLS_TO_LOOPBACK = False
    refused = hooks.send("POST", body={"url": "http://127.0.0.1:9/in"})

    assert (allowed.status_code, refused.status_code) == (201, 400)
    assert refused.json()["errors"][0]["pointer"] == "#/url"


def test_an_endpoint_is_changed_in_part(hooks: Hooks) -> None:
    made = hooks.create(description="Alerts")
    WebhookEndpoint.objects.update(
        failures=3, resting_until=timezone.now(), disabled_why=WebhookEndpoint.Disabled.GONE
    )

    changed = hooks.send("PATCH", f"/{made['id']}", {"url": URL + "2"}).json()
    enabled = hooks.send("PATCH", f"/{made['id']}", {"enabled": True}).json()
    disabled = hooks.send("PATCH", f"/{made['id']}", {"enabled": False}).json()

    assert (changed["url"], changed["description"], changed["failures"]) == (
        URL + "2",
        "Alerts",
        0,
    )
    assert (changed["enabled"], changed["disabled_why"]) == (False, "gone")
    assert (enabled["enabled"], enabled["disabled_why"]) == (True, "")
    assert (disabled["enabled"], disabled["disabled_why"]) == (False, "program")


@pytest.mark.parametrize(
    "body", [{"enabled": "yes"}, {"url": None}, {"event_types": [1]}, {"x": 1}]
)
def test_odd_changes_are_refused(hooks: Hooks, body: Any) -> None:
    made = hooks.create()

    assert hooks.send("PATCH", f"/{made['id']}", body).status_code == 400


def test_a_deleted_endpoint_is_gone_with_its_secrets(hooks: Hooks) -> None:
    made = hooks.create()
    key = uuid4().hex

    gone = hooks.send("DELETE", f"/{made['id']}", key=key)
    again = hooks.send("DELETE", f"/{made['id']}", key=key)

    assert (gone.status_code, again.status_code) == (204, 204)
    assert hooks.get(f"/{made['id']}").status_code == 404
    assert hooks.get().json() == {"endpoints": []}
    assert WebhookSecret.objects.count() == 0


def test_a_program_has_twenty_endpoints_at_most(hooks: Hooks) -> None:
    for _ in range(20):
        hooks.create()

    refused = hooks.send("POST", body={"url": URL})

    assert (refused.status_code, slug(refused)) == (409, "too-many-endpoints")


def test_a_new_secret_leaves_the_one_before_valid_for_a_while(hooks: Hooks) -> None:
    made = hooks.create()
    path = f"/{made['id']}/rotate-secret"

    first = hooks.send("POST", path, {"overlap_seconds": 3600}).json()
    second = hooks.send("POST", path).json()
    at_once = hooks.send("POST", path, {"overlap_seconds": 0}).json()

    assert len({made["secret"], first["secret"], second["secret"], at_once["secret"]}) == 4
    assert first["previous_expires_at"] is not None
    assert at_once["previous_expires_at"] is None
    # Two at most sign at any time; after the last there is one.
    assert WebhookSecret.objects.count() == 1


@pytest.mark.parametrize("seconds", [-1, 604801, 1.5, "60", True, None])
def test_an_odd_overlap_is_refused(hooks: Hooks, seconds: Any) -> None:
    made = hooks.create()

    answered = hooks.send("POST", f"/{made['id']}/rotate-secret", {"overlap_seconds": seconds})

    assert answered.status_code == 400


def test_a_repeated_rotation_tells_its_secret_until_it_is_replaced(hooks: Hooks) -> None:
    made = hooks.create()
    path, key = f"/{made['id']}/rotate-secret", uuid4().hex
    first = hooks.send("POST", path, {"overlap_seconds": 0}, key=key).json()

    again = hooks.send("POST", path, {"overlap_seconds": 0}, key=key).json()
    hooks.send("POST", path, {"overlap_seconds": 0})
    too_late = hooks.send("POST", path, {"overlap_seconds": 0}, key=key).json()

    assert again == first
    assert too_late["secret"] is None


def test_anothers_endpoint_is_not_there(hooks: Hooks) -> None:
    theirs = Hooks(Program(make_client(), "")).create()["id"]
    unknown = uuid4()

    for which in (theirs, unknown):
        answers = [
            hooks.get(f"/{which}"),
            hooks.get(f"/{which}/deliveries"),
            hooks.get(f"/{which}/tests/{uuid4()}"),
            hooks.get(f"/{which}/replays/{uuid4()}"),
            hooks.send("PATCH", f"/{which}", {"enabled": False}),
            hooks.send("DELETE", f"/{which}"),
            hooks.send("POST", f"/{which}/rotate-secret"),
            hooks.send("POST", f"/{which}/test"),
            hooks.send("POST", f"/{which}/replays", {"since": timezone.now().isoformat()}),
        ]
        assert {each.status_code for each in answers} == {404}
    assert WebhookEndpoint.objects.filter(pk=theirs, deleted_at=None, disabled_why="").exists()


def test_without_a_token_there_is_nothing(hooks: Hooks) -> None:
    made = hooks.create()
    hooks.program.token = "unknown"

    answers = [hooks.get(), hooks.get(f"/{made['id']}"), hooks.send("POST", body={"url": URL})]

    assert [each.status_code for each in answers] == [401, 401, 401]


# --- again ------------------------------------------------------------------------------------------


def test_a_replay_of_a_span_is_asked_for_and_looked_at(hooks: Hooks) -> None:
    made = hooks.create()
    since = timezone.now() - timedelta(days=30) + timedelta(minutes=1)

    asked = hooks.send(
        "POST", f"/{made['id']}/replays", {"since": since.isoformat(), "which": "all"}
    )

    replay = asked.json()
    assert (asked.status_code, replay["finished_at"], replay["which"]) == (202, None, "all")
    assert hooks.get(f"/{made['id']}/replays/{replay['id']}").json() == replay


@pytest.mark.parametrize(
    "span",
    [
        {},
        {"since": "yesterday"},
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-31T00:00:01Z"},
        {"since": "2026-01-02T00:00:00Z", "until": "2026-01-01T00:00:00Z"},
        {"since": "2026-01-01T00:00:00Z", "until": "2026-01-02T00:00:00Z", "which": "some"},
    ],
)
def test_an_odd_span_is_refused(hooks: Hooks, span: Any) -> None:
    made = hooks.create()

    assert hooks.send("POST", f"/{made['id']}/replays", span).status_code == 400


def test_a_test_is_asked_for_and_looked_at(hooks: Hooks) -> None:
    made = hooks.create()

    asked = hooks.send("POST", f"/{made['id']}/test")

    test = asked.json()
    assert (asked.status_code, test["outcome"], test["sent_at"]) == (202, "", None)
    assert UUID(test["id"])
    assert hooks.get(f"/{made['id']}/tests/{test['id']}").json() == test
