"""`manage.py relay`: carries events from the outbox to their listeners until it is told to stop."""

import logging
import signal
import time
from argparse import ArgumentParser
from typing import Any
from uuid import UUID

import redis
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connections
from django.utils import timezone

from portal.outbox.pokes import CHANNEL_PREFIX
from portal.outbox.relay import banks_with_work, deliver_due
from portal.telemetry.measures import SEEN
from portal.telemetry.traces import start_tracing

logger = logging.getLogger(__name__)

# Without a poke, the log is read this often: a Valkey that lost everything costs a second.
LOOK_SECONDS = 1.0


class Command(BaseCommand):
    help = "Carry events from the outbox to their listeners."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-quiet", action="store_true", help="stop when nothing is due")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        start_tracing("relay")
        ears = Ears()
        while not self.stopping:
            SEEN.labels("relay").set_to_current_time()
            try:
                worked = deliver_everything_due()
            except DatabaseError as problem:
                logger.warning("database away: %s", type(problem).__name__)
                connections.close_all()
                time.sleep(LOOK_SECONDS)
                continue
            if options["until_quiet"] and not worked:
                return
            if not worked:
                ears.wait()

    def _stop(self, _signal: int, _frame: Any) -> None:
        self.stopping = True


def deliver_everything_due() -> int:
    """One fair round: every bank with work, fifty deliveries at most each; how many were handled."""
    return sum(
        deliver_due(bank_id=UUID(str(bank_id)), clock=timezone.now)
        for bank_id in banks_with_work(at=timezone.now())
    )


class Ears:
    """Listens for pokes; deaf while Valkey is away, and then a pause stands for a poke."""

    def __init__(self) -> None:
        self.subscription: Any = None

    def wait(self) -> None:
        """Return at the next poke, or after LOOK_SECONDS."""
        try:
            if self.subscription is None:
                client = redis.Redis.from_url(settings.VALKEY_URL, socket_connect_timeout=1)
                self.subscription = client.pubsub(ignore_subscribe_messages=True)  # type: ignore[no-untyped-call]  # redis has no types here
                self.subscription.subscribe(CHANNEL_PREFIX + "relay")
            if self.subscription.get_message(timeout=LOOK_SECONDS) is not None:
                self._drain()
        except (redis.RedisError, OSError):
            self.subscription = None
            time.sleep(LOOK_SECONDS / 4)

    def _drain(self) -> None:
        # Pokes that came together are one reason to look.
        while self.subscription.get_message(timeout=0) is not None:
            pass
