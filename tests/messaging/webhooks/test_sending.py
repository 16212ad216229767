"""What a program's server is sent: real connections to a real server, by the sender that workers run."""

import json
import subprocess
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from standardwebhooks.webhooks import WebhookVerificationError

from accounts.disclosure.models import Disclosure
from accounts.disclosure.sealing import seal_due
from accounts.disclosure.verify import read_header
from messaging.webhooks.models import WebhookDelivery, WebhookEndpoint
from messaging.webhooks.rules import WAITS
from messaging.webhooks.tasks import age_out
from partners.banks.models import Bank
from partners.feeds.models import Feed
from portal.local.setup import npm_command
from portal.local.state import REPOSITORY
from portal.tenancy.blocks import serving
from tests.contracts.test_sockets import SPEC, faults_of
from tests.factories.accounts import make_client
from tests.messaging.delivery.scene import Scene
from tests.messaging.webhooks.receiver import Receiver, Reply, receiving
from tests.messaging.webhooks.world import NOTHING, World, outcomes, send

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


# --- what is sent -----------------------------------------------------------------------------------


def test_an_alert_is_told_as_on_the_socket_and_signed_as_the_specification_says(
    world: World,
) -> None:
    alert = world.scene.raise_alert()
    send()

    (received,) = world.receiver.received
    said = received.verified(world.secret)
    (logged,) = world.log()
    page = world.scene.program.get(f"accounts/{alert.account_id}/transactions").json()
    (transaction,) = [it for it in page["transactions"] if it["id"] == str(alert.entry_id)]
    assert received.path == "/hooks?of=tests"
    assert received.headers["content-type"] == "application/json"
    assert (said["type"], said["version"], said["consent"]) == (
        "alert.raised",
        1,
        world.scene.reference,
    )
    assert said["id"] == received.id == logged["event_id"]
    assert said["data"]["transaction"] == transaction
    assert faults_of(said["data"], SPEC["components"]["schemas"]["alertRaised"]) == []
    assert (logged["status"], outcomes(logged)) == ("delivered", [("delivered", 204)])
    assert logged["next_attempt_at"] is None


def test_a_message_names_its_records_and_carries_a_witness_of_the_log(world: World) -> None:
    bank_id = world.scene.home.bank_id
    assert world.scene.program.get("accounts").status_code == 200
    world.scene.raise_alert()
    with serving(bank_id):
        before = set(Disclosure.objects.values_list("id", flat=True))
    while seal_due(bank_id=bank_id, clock=timezone.now):
        pass
    send()

    (received,) = world.receiver.received
    with serving(bank_id):
        told = Disclosure.objects.filter(door="webhook").exclude(pk__in=before)
        ids = {str(each) for each in told.values_list("id", flat=True)}
    assert len(ids) == 2, "the alert, and its transaction"
    assert set(received.headers["disclosure-id"].split(", ")) == ids
    assert str(bank_id) in read_header(received.headers["portal-checkpoint"]).origin


def test_every_type_of_event_is_told_as_documented(world: World) -> None:
    schemas = SPEC["components"]["schemas"]
    world.scene.raise_alert()
    world.scene.change()
    send()
    newer = world.scene.allow()
    world.scene.relay()
    send()

    by_type = {each["type"]: each for each in world.said()}
    assert set(by_type) == {
        *("alert.raised", "transactions.changed", "consent.granted", "consent.ended"),
    }
    for name, schema in (
        ("transactions.changed", "transactionsChanged"),
        ("consent.granted", "consent"),
        ("consent.ended", "consent"),
    ):
        assert faults_of(by_type[name]["data"], schemas[schema]) == []
    assert by_type["consent.ended"]["data"]["status"] == "superseded"
    assert by_type["consent.granted"]["data"]["id"].endswith(newer.id.hex)


def test_what_is_sent_is_written_down_as_shown_to_the_program(world: World) -> None:
    world.scene.raise_alert()
    send()

    with serving(world.scene.home.bank_id):
        rows = list(Disclosure.objects.filter(door="webhook").order_by("id"))
    assert [(each.feed, each.decision) for each in rows] == [
        ("fraud_suspected", "released"),
        ("transactions", "released"),
    ]
    assert {each.recipient for each in rows} == {f"client:{world.scene.client.id}"}
    assert {each.consent_id for each in rows} == {world.scene.consent.id}


def test_another_secret_and_an_altered_body_do_not_verify(world: World) -> None:
    world.scene.change()
    send()
    (received,) = world.receiver.received

    with pytest.raises(WebhookVerificationError):
        received.verified("whsec_" + "A" * 43 + "=")


def test_the_specifications_library_for_node_takes_it_too(world: World) -> None:
    world.scene.raise_alert()
    send()
    (received,) = world.receiver.received
    given = {"secret": world.secret, "body": received.body.decode(), "headers": received.headers}

    verdicts = [_by_node(given), _by_node(given | {"body": received.body.decode() + " "})]

    assert verdicts == ["alert.raised", "No matching signature found"]


def _by_node(given: dict[str, Any]) -> str:
    _npm, environ = npm_command()
    script = """
      import { Webhook } from "standardwebhooks";
      const { secret, body, headers } = JSON.parse(process.argv[1]);
      try { console.log(new Webhook(secret).verify(body, headers).type); }
      catch (problem) { console.log(problem.message); }
    """
    done = subprocess.run(
        ["node", "--input-type=module", "-e", script, json.dumps(given)],
        cwd=REPOSITORY,
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_both_secrets_sign_until_the_overlap_is_over(world: World) -> None:
    rotated = world.hooks.send(
        "POST", f"/{world.id}/rotate-secret", {"overlap_seconds": 3600}
    ).json()
    world.scene.change()
    send()
    (received,) = world.receiver.received

    for secret in (world.secret, rotated["secret"]):
        received.verified(secret)
    world.scene.change()
    send(timezone.now() + timedelta(hours=2))
    signatures = world.receiver.received[1].headers["webhook-signature"].split(" ")
    assert len(signatures) == 1


# --- nothing lost, nothing twice ----------------------------------------------------------------------


def test_each_event_is_sent_once_whoever_looks_again(world: World) -> None:
    for _ in range(5):
        world.scene.change()
    for _ in range(3):
        send()

    ids = [each.id for each in world.receiver.received]
    assert len(ids) == len(set(ids)) == 5
    assert sorted(ids) == sorted(each["event_id"] for each in world.log())


def test_a_failure_is_tried_again_on_the_schedule_with_the_same_id(world: World) -> None:
    world.receiver.replies = [Reply(500), Reply(503), Reply(404)]
    world.scene.change()
    at = timezone.now()
    send(at)
    waits = []
    for _ in range(2):
        (logged,) = world.log()
        due = datetime.fromisoformat(logged["next_attempt_at"])
        waits.append(due - at)
        send(due - timedelta(milliseconds=1))
        at = due
        send(at)
    send(at + timedelta(hours=1))

    (logged,) = world.log()
    ids = [each.id for each in world.receiver.received]
    assert len(ids) == 4
    assert set(ids) == {logged["event_id"]}
    for wait, planned in zip(waits, WAITS, strict=False):
        assert planned <= wait <= planned * 1.1
    assert (logged["status"], outcomes(logged)) == (
        "delivered",
        [("refused", 500), ("refused", 503), ("refused", 404), ("delivered", 204)],
    )


def test_after_ten_attempts_it_is_given_up_and_can_be_asked_for(world: World) -> None:
    world.receiver.otherwise = Reply(500)
    world.scene.change()
    at = timezone.now()
    for _ in range(12):
        send(at)
        at += timedelta(hours=27)

    (dead,) = world.log()
    world.receiver.otherwise = Reply(200)
    world.hooks.send("POST", f"/{world.id}/deliveries/{dead['id']}/replay")
    send(at)

    (logged,) = world.log()
    assert (dead["status"], dead["reason"], len(dead["attempts"])) == (
        "dead",
        "attempts-used-up",
        10,
    )
    assert [each["number"] for each in logged["attempts"]] == list(range(1, 12))
    assert logged["status"] == "delivered"
    assert len({each.id for each in world.receiver.received}) == 1


def test_a_receiver_may_ask_for_more_patience(world: World) -> None:
    world.receiver.replies = [Reply(429, {"Retry-After": "3600"})]
    world.scene.change()
    at = timezone.now()
    send(at)

    (logged,) = world.log()
    assert datetime.fromisoformat(logged["next_attempt_at"]) == at + timedelta(hours=1)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(world: World, status: int) -> None:
    with receiving() as elsewhere:
        world.receiver.replies = [Reply(status, {"Location": elsewhere.url})]
        world.scene.change()
        send()

        assert elsewhere.received == []
    (logged,) = world.log()
    assert outcomes(logged) == [("refused", status)]


def test_410_disables_the_endpoint_and_cancels_what_waits(world: World) -> None:
    world.receiver.replies = [Reply(410)]
    world.scene.change()
    send()
    world.scene.change()
    disabled = world.endpoint()
    world.hooks.send("PATCH", f"/{world.id}", {"enabled": True})
    world.scene.change()
    send()

    (gone, sent) = world.log()
    assert (disabled["enabled"], disabled["disabled_why"]) == (False, "gone")
    assert (gone["status"], gone["reason"], outcomes(gone)) == (
        "dead",
        "endpoint-gone",
        [("refused", 410)],
    )
    # What happened while it was disabled was never queued.
    assert sent["status"] == "delivered"
    assert len(world.receiver.received) == 2


def test_what_waits_for_a_disabled_or_deleted_endpoint_is_cancelled(world: World) -> None:
    world.scene.change()
    world.hooks.send("PATCH", f"/{world.id}", {"enabled": False})
    send()
    (logged,) = world.log()
    world.scene.change()
    world.hooks.send("DELETE", f"/{world.id}")
    send()

    assert (logged["status"], logged["reason"]) == ("cancelled", "endpoint-disabled")
    assert world.receiver.received == []


@pytest.mark.parametrize(
    "hang_up", [NOTHING, Reply(204, {"X": "y" * 200_000})], ids=["nothing", "too much"]
)
def test_a_receiver_that_says_nothing_or_too_much_fails(
    world: World, settings: Any, hang_up: Reply
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 1
    world.receiver.replies = [hang_up]
    world.scene.change()
    send()

    (logged,) = world.log()
    assert logged["status"] == "pending"
    assert logged["attempts"][0]["outcome"] in {"timed_out", "unreachable"}
    assert logged["attempts"][0]["response_code"] is None


def test_a_server_that_is_not_there_is_unreachable_and_nothing_counts_as_shown(
    world: World,
) -> None:
    world.receiver.stop()
    world.scene.change()
    send()

    (logged,) = world.log()
    assert outcomes(logged) == [("unreachable", None)]
    with serving(world.scene.home.bank_id):
        assert not Disclosure.objects.filter(door="webhook").exists()


# --- consent, at the moment of sending ------------------------------------------------------------------


def test_an_ended_consent_cancels_what_waits_and_only_its_end_leaves(world: World) -> None:
    world.receiver.replies = [Reply(500)]
    world.scene.raise_alert()
    at = timezone.now()
    send(at)
    world.scene.change()
    world.scene.revoke()
    world.scene.relay()
    send(at + timedelta(minutes=10))
    world.scene.change()
    send(at + timedelta(days=3))

    assert [each["type"] for each in world.said()] == ["alert.raised", "consent.ended"]
    alert, change, ended = world.log()
    assert [each["status"] for each in (alert, change, ended)] == [
        "cancelled",
        "cancelled",
        "delivered",
    ]
    assert {alert["reason"], change["reason"]} == {"consent-ended"}


def test_nothing_leaves_after_a_consent_has_ended_even_before_anybody_was_told(
    world: World,
) -> None:
    world.scene.raise_alert()
    world.scene.revoke()
    send()

    (logged,) = world.log()
    assert world.receiver.received == []
    assert (logged["status"], logged["reason"]) == ("cancelled", "consent-revoked")
    with serving(world.scene.home.bank_id):
        decisions = set(Disclosure.objects.values_list("door", "decision", "reason"))
    assert decisions == {("webhook", "refused", "consent_revoked")}


def test_a_replay_passes_the_gate_anew(world: World) -> None:
    world.scene.raise_alert()
    send()
    world.scene.revoke()
    (logged,) = world.log()
    world.hooks.send("POST", f"/{world.id}/deliveries/{logged['id']}/replay")
    send()

    (again,) = world.log()
    assert len(world.receiver.received) == 1
    assert (again["status"], again["reason"]) == ("cancelled", "consent-revoked")


@pytest.mark.parametrize(
    ("reason", "happens"),
    [
        ("bank-suspended", lambda _scene: Bank.objects.update(status="suspended")),
        ("client-suspended", lambda scene: type(scene.client).objects.update(status="suspended")),
        ("not-registered", lambda scene: type(scene.client).objects.update(feeds=["balances"])),
    ],
)
def test_what_may_not_leave_is_cancelled_and_says_why(
    world: World, reason: str, happens: Callable[[Scene], Any]
) -> None:
    world.scene.change()
    happens(world.scene)
    send()
    Bank.objects.update(status="admitted")
    type(world.scene.client).objects.update(status="admitted")

    (logged,) = world.log()
    assert world.receiver.received == []
    assert (logged["status"], logged["reason"]) == ("cancelled", reason)


def test_a_feed_that_the_bank_turned_off_does_not_leave(world: World) -> None:
    world.scene.change()
    with serving(world.scene.home.bank_id):
        Feed.objects.update(enabled=False)
    send()

    (logged,) = world.log()
    assert (logged["status"], logged["reason"]) == ("cancelled", "bank-not-sharing")


# --- again, and trying ----------------------------------------------------------------------------------


def test_a_span_is_sent_again_with_the_same_ids_over_several_banks(receiver: Receiver) -> None:
    program = make_client()
    world = World(receiver, Scene(client=program))
    other = Scene(client=program)
    world.scene.change()
    since = timezone.now()
    other.change()
    world.scene.change()
    send()
    sent = [each.id for each in receiver.received]

    asked = world.hooks.send(
        "POST", f"/{world.id}/replays", {"since": since.isoformat(), "which": "all"}
    ).json()
    send()
    send()

    again = [each.id for each in receiver.received[len(sent) :]]
    replay = world.hooks.get(f"/{world.id}/replays/{asked['id']}").json()
    assert len(sent) == 4
    assert len(again) == replay["queued"] == 3
    assert set(again) < set(sent)
    assert replay["finished_at"] is not None


def test_a_replay_of_what_was_not_delivered_leaves_the_rest(world: World) -> None:
    world.scene.change()
    at = timezone.now()
    send(at)
    world.scene.change()
    with serving(world.scene.home.bank_id):
        WebhookDelivery.objects.filter(status="pending").update(
            status="dead", due_at=None, settled_at=timezone.now()
        )

    world.hooks.send(
        "POST", f"/{world.id}/replays", {"since": (at - timedelta(days=1)).isoformat()}
    )
    send()

    assert len({each.id for each in world.receiver.received}) == 2
    assert len(world.receiver.received) == 2


def test_a_ping_is_sent_once_signed_and_even_to_a_disabled_endpoint(world: World) -> None:
    world.hooks.send("PATCH", f"/{world.id}", {"enabled": False})
    asked = world.hooks.send("POST", f"/{world.id}/test").json()
    send()
    send()

    (received,) = world.receiver.received
    said = received.verified(world.secret)
    test = world.hooks.get(f"/{world.id}/tests/{asked['id']}").json()
    assert (said["type"], said["data"], said["id"]) == ("ping", {}, asked["id"])
    assert (test["outcome"], test["response_code"]) == ("delivered", 204)
    assert world.log() == []


# --- for how long it is kept -------------------------------------------------------------------------


def test_what_is_old_is_forgotten(world: World) -> None:
    world.scene.change()
    world.scene.change()
    send()
    with serving(world.scene.home.bank_id):
        first = WebhookDelivery.objects.order_by("id")[0]
        WebhookDelivery.objects.filter(pk=first.pk).update(
            created_at=timezone.now() - timedelta(days=31)
        )
    gone = World(world.receiver, world.scene)
    gone.hooks.send("DELETE", f"/{gone.id}")
    WebhookEndpoint.objects.filter(pk=gone.id).update(
        deleted_at=timezone.now() - timedelta(days=31)
    )

    age_out()

    assert len(world.log()) == 1
    assert not WebhookEndpoint.objects.filter(pk=gone.id).exists()
