"""A mail server for each test, and mail that really goes to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from messaging.notices.webpush import public_key
from portal.environment import mail_server
from tests.mailbox import Mailbox, mailbox
from tests.messaging.notices.push_service import PushService, push_service


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with mailbox() as running:
        for name, value in mail_server(running.url).items():
            setattr(settings, f"EMAIL_{name}", value)
        yield running


@pytest.fixture
def service() -> Iterator[PushService]:
    """A push service that knows our key."""
    with push_service() as running:
        running.vapid = public_key()
        yield running
