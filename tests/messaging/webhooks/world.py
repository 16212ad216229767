"""A program with an endpoint at a server of its own, for tests of what it is sent."""

import json
from datetime import datetime
from typing import Any

from django.utils import timezone

from messaging.webhooks.sending import send_everything_due
from tests.messaging.delivery.scene import Scene
from tests.messaging.webhooks.receiver import Receiver, Reply
from tests.messaging.webhooks.test_api import Hooks

NOTHING = Reply(after=None)


class World:
    """A program with an endpoint at a server of its own, and a customer's consent."""

    def __init__(self, receiver: Receiver, scene: Scene | None = None, **fields: Any) -> None:
        self.receiver = receiver
        self.scene = scene or Scene()
        self.hooks = Hooks(self.scene.program)
        self.scene.relay()
        made = self.hooks.create(receiver.url, **fields)
        self.id, self.secret = made["id"], made["secret"]

    def endpoint(self) -> dict[str, Any]:
        found: dict[str, Any] = self.hooks.get(f"/{self.id}").json()
        return found

    def log(self) -> list[dict[str, Any]]:
        """The deliveries, oldest first."""
        found = self.hooks.get(f"/{self.id}/deliveries?limit=100").json()["deliveries"]
        return list(reversed(found))

    def said(self) -> list[dict[str, Any]]:
        """What came, also when the sender's clock was set to another day."""
        return [json.loads(each.body) for each in self.receiver.received]


def send(at: datetime | None = None) -> int:
    return send_everything_due(clock=lambda: at or timezone.now())


def outcomes(delivery: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(each["outcome"], each["response_code"]) for each in delivery["attempts"]]
