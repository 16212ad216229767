"""The live server and a program's own, for tests of what happens at once."""

from tests.messaging.delivery.live import portal
from tests.messaging.webhooks.conftest import receiver

__all__ = ["portal", "receiver"]
