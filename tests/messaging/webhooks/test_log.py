"""What a program sees of what it was sent, whichever bank's it was, and asks for again."""

from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from messaging.webhooks.models import WebhookDelivery
from portal.tenancy.blocks import serving
from tests.factories.accounts import make_client
from tests.messaging.delivery.scene import Scene
from tests.messaging.webhooks.test_api import Hooks, slug
from tests.partners.sharing.test_api import Program

# The system role, which says which banks there are, sees what is committed.
pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_event_is_queued_for_each_endpoint_that_hears_of_its_type(scene: Scene) -> None:
    hooks, stranger = Hooks(scene.program), Hooks(Program(make_client(), ""))
    everything = hooks.create()
    alerts = hooks.create(event_types=["alert.raised"])
    disabled = hooks.create()
    hooks.send("PATCH", f"/{disabled['id']}", {"enabled": False})
    foreign = stranger.create()

    scene.relay()
    scene.raise_alert()
    scene.change()

    def listed(owner: Hooks, endpoint: dict[str, Any]) -> list[str]:
        found = owner.get(f"/{endpoint['id']}/deliveries").json()["deliveries"]
        return [each["event_type"] for each in found]

    assert listed(hooks, everything) == ["transactions.changed", "alert.raised", "consent.granted"]
    assert listed(hooks, alerts) == ["alert.raised"]
    assert listed(hooks, disabled) == []
    assert listed(stranger, foreign) == []


def test_the_log_says_what_waits_and_nothing_of_what_it_says(scene: Scene) -> None:
    hooks = Hooks(scene.program)
    endpoint = hooks.create()
    scene.relay()
    scene.raise_alert()

    newest = hooks.get(f"/{endpoint['id']}/deliveries").json()["deliveries"][0]
    one = hooks.get(f"/{endpoint['id']}/deliveries/{newest['id']}").json()

    assert one == newest
    assert (one["status"], one["attempts"], one["settled_at"]) == ("pending", [], None)
    assert one["consent"] == scene.reference
    assert one["next_attempt_at"] == one["created_at"]
    assert set(one) == {
        *("id", "event_id", "event_type", "consent", "status", "reason", "created_at"),
        *("settled_at", "next_attempt_at", "attempts"),
    }


def test_pages_of_the_log_follow_each_other_over_several_banks() -> None:
    client = make_client()
    one, other = Scene(client=client), Scene(client=client)
    hooks = Hooks(one.program)
    endpoint = hooks.create()
    for _ in range(2):
        one.change()
        other.change()
    path = f"/{endpoint['id']}/deliveries"
    whole = hooks.get(path).json()

    seen: list[dict[str, Any]] = []
    cursor, more = "", True
    while more:
        page = hooks.get(f"{path}?limit=2" + (f"&cursor={cursor}" if cursor else "")).json()
        seen += page["deliveries"]
        cursor, more = page["next_cursor"], page["has_more"]

    assert seen == whole["deliveries"]
    assert {each["consent"] for each in seen} == {one.reference, other.reference}
    assert len({each["id"] for each in seen}) == 6
    assert (whole["has_more"], whole["next_cursor"]) == (False, None)


def test_the_log_is_filtered_by_status(scene: Scene) -> None:
    hooks = Hooks(scene.program)
    endpoint = hooks.create()
    scene.change()
    with serving(scene.home.bank_id):
        WebhookDelivery.objects.filter(event__kind="consent.granted").update(status="dead")
    path = f"/{endpoint['id']}/deliveries"

    dead = hooks.get(f"{path}?status=dead").json()["deliveries"]

    assert [each["event_type"] for each in dead] == ["consent.granted"]


@pytest.mark.parametrize("query", ["status=lost", "limit=0", "limit=101", "cursor=x", "more=1"])
def test_odd_questions_to_the_log_are_refused(scene: Scene, query: str) -> None:
    hooks = Hooks(scene.program)
    made = hooks.create()

    assert hooks.get(f"/{made['id']}/deliveries?{query}").status_code == 400


def test_deliveries_of_others_are_not_there(scene: Scene) -> None:
    other = Scene(scene.home)
    hooks, theirs = Hooks(scene.program), Hooks(other.program)
    mine, their = hooks.create(), theirs.create()
    scene.change()
    (delivery, *_) = theirs.get(f"/{their['id']}/deliveries").json()["deliveries"]

    for name in (delivery["id"], f"whd_{uuid4().hex}_{uuid4().hex}", "whd_", str(uuid4())):
        assert hooks.get(f"/{mine['id']}/deliveries/{name}").status_code == 404
        again = hooks.send("POST", f"/{mine['id']}/deliveries/{name}/replay")
        assert again.status_code == 404


def settle_all(scene: Scene, **fields: Any) -> None:
    with serving(scene.home.bank_id):
        settled = {"status": "delivered", "due_at": None, "settled_at": timezone.now()}
        WebhookDelivery.objects.update(**(settled | fields))


def test_one_delivery_is_put_back_into_the_queue(scene: Scene) -> None:
    hooks = Hooks(scene.program)
    endpoint = hooks.create()
    scene.change()
    settle_all(scene, status="dead", reason="attempts-used-up", attempts=10)
    (first, *_) = hooks.get(f"/{endpoint['id']}/deliveries").json()["deliveries"]
    path = f"/{endpoint['id']}/deliveries/{first['id']}/replay"

    answered = hooks.send("POST", path)

    again = answered.json()
    assert answered.status_code == 202
    assert (again["status"], again["reason"], again["event_id"]) == (
        "pending",
        "",
        first["event_id"],
    )
    assert again["next_attempt_at"] is not None
    with serving(scene.home.bank_id):
        assert WebhookDelivery.objects.filter(due_at__isnull=False).count() == 1


def test_nothing_is_put_back_for_a_disabled_endpoint(scene: Scene) -> None:
    hooks = Hooks(scene.program)
    endpoint = hooks.create()
    scene.change()
    (first, *_) = hooks.get(f"/{endpoint['id']}/deliveries").json()["deliveries"]
    hooks.send("PATCH", f"/{endpoint['id']}", {"enabled": False})

    answers = [
        hooks.send("POST", f"/{endpoint['id']}/deliveries/{first['id']}/replay"),
        hooks.send("POST", f"/{endpoint['id']}/replays", {"since": first["created_at"]}),
    ]

    assert [slug(each) for each in answers] == ["endpoint-disabled", "endpoint-disabled"]
