"""What waits for a program's endpoint when the consent it was told under has ended, or allows less: it never leaves."""

import json
from collections.abc import Callable
from copy import copy
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from messaging.webhooks.sending import send_everything_due
from tests.factories.accounts import make_consent, make_link
from tests.factories.partners import make_account
from tests.messaging.delivery.scene import FRAUD, Scene
from tests.messaging.webhooks.receiver import Receiver, Reply, receiving
from tests.messaging.webhooks.test_api import Hooks

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]
CEREMONY = {"consent.granted", "consent.ended"}


def told(receiver: Receiver) -> list[dict[str, Any]]:
    return [json.loads(each.body) for each in receiver.received]


def send(at: datetime | None = None) -> None:
    send_everything_due(clock=lambda: at or timezone.now())


def listening(scene: Scene, receiver: Receiver) -> tuple[Hooks, str]:
    """The program's endpoint; what was told before it is not told there."""
    hooks = Hooks(scene.program)
    scene.relay()
    return hooks, str(hooks.create(receiver.url)["id"])


def log_of(hooks: Hooks, endpoint: str) -> list[tuple[str, str, str]]:
    found = hooks.get(f"/{endpoint}/deliveries?limit=100").json()["deliveries"]
    return [(each["event_type"], each["status"], each["reason"]) for each in reversed(found)]


@pytest.mark.parametrize("tried_before", [False, True])
def test_nothing_leaves_when_the_time_is_over_though_nobody_ended_it(
    *, tried_before: bool
) -> None:
    scene = Scene(terms={"expires_at": timezone.now() + timedelta(days=30)})
    with receiving() as receiver:
        hooks, endpoint = listening(scene, receiver)
        scene.raise_alert()
        scene.change()
        if tried_before:
            receiver.replies = [Reply(500), Reply(500)]
            send()
        before = len(receiver.received)

        send(timezone.now() + timedelta(days=31))
        hooks.program.token = Scene(scene.home, scene.client).token

        assert len(receiver.received) == before
        assert {(status, reason) for _type, status, reason in log_of(hooks, endpoint)} == {
            ("cancelled", "consent-expired")
        }


def narrow(scene: Scene) -> None:
    """The customer's next consent to the program: of this account, what it holds and no more."""
    scene.consent = make_consent(
        scene.home.customer, [scene.home.account], client=scene.client, feeds=["balances"]
    )


@pytest.mark.parametrize(
    ("kind", "happens"),
    [("alert.raised", Scene.raise_alert), ("transactions.changed", Scene.change)],
)
def test_what_the_next_consent_leaves_out_does_not_leave(
    kind: str, happens: Callable[[Scene], Any]
) -> None:
    scene = Scene()
    with receiving() as receiver:
        hooks, endpoint = listening(scene, receiver)
        happens(scene)

        narrow(scene)
        happens(scene)
        send()
        send(timezone.now() + timedelta(days=3))

        assert {each["type"] for each in told(receiver)} <= CEREMONY
        waited = [row for row in log_of(hooks, endpoint) if row[0] == kind]
        assert waited
        assert {status for _type, status, _reason in waited} == {"cancelled"}


def test_another_account_goes_on_when_one_is_narrowed() -> None:
    scene = Scene()
    aside = copy(scene)
    aside.home = replace(scene.home, account=make_account(scene.home.bank))
    make_link(scene.home.customer, aside.home.account)
    make_consent(
        scene.home.customer, [aside.home.account], client=scene.client, alert_types=[FRAUD]
    )
    with receiving() as receiver:
        listening(scene, receiver)
        waiting = aside.raise_alert()

        narrow(aside)
        after, shown = aside.raise_alert(), scene.raise_alert()
        send()
        send(timezone.now() + timedelta(days=3))

        alerts = [each["data"] for each in told(receiver) if each["type"] == "alert.raised"]
        assert str(shown.id) in json.dumps(alerts)
        assert len(alerts) == 1
        assert {str(waiting.id), str(after.id)} & set(
            json.dumps(told(receiver)).split('"')
        ) == set()
