"""`manage.py sealer`: seals what was disclosed into each bank's tree until it is told to stop."""

import logging
import signal
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand
from django.db import DatabaseError, InterfaceError, OperationalError, connections
from django.utils import timezone

from accounts.disclosure.sealing import BATCH, banks_with_unsealed, seal_due
from portal.telemetry.measures import SEEN

logger = logging.getLogger(__name__)

# How often it looks, counted from one look to the next: what a round takes does not come on top of it.
LOOK_SECONDS = 0.25


class Command(BaseCommand):
    help = "Seal what was disclosed into each bank's tree."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--until-quiet", action="store_true", help="stop when nothing is due")

    def handle(self, *_arguments: Any, **options: Any) -> None:
        self.stopping = False
        signal.signal(signal.SIGTERM, self._stop)
        while not self.stopping:
            began = time.monotonic()
            SEEN.labels("sealer").set_to_current_time()
            try:
                sealed = seal_everything_due()
            except DatabaseError as problem:
                logger.warning("database away: %s", type(problem).__name__)
                connections.close_all()
                sealed = 0
            if options["until_quiet"] and not sealed:
                return
            if sealed < BATCH:
                time.sleep(max(0.0, began + LOOK_SECONDS - time.monotonic()))

    def _stop(self, _signal: int, _frame: Any) -> None:
        self.stopping = True


def seal_everything_due() -> int:
    """One fair round: a batch of every bank that has something to seal; how many leaves."""
    sealed = 0
    for bank_id in banks_with_unsealed(at=timezone.now()):
        try:
            sealed += seal_due(bank_id=bank_id, clock=timezone.now)
        except (OperationalError, InterfaceError):
            raise
        except Exception:
            # One bank's fault, such as a key that cannot be opened, must not stop the others.
            logger.exception("a bank's log could not be sealed", extra={"bank": str(bank_id)})
    return sealed
