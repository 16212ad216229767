"""A mail server for each test, and mail that really goes to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from portal.environment import mail_server
from tests.mailbox import Mailbox, mailbox


@pytest.fixture
def box(settings: Any) -> Iterator[Mailbox]:
    with mailbox() as running:
        for name, value in mail_server(running.url).items():
            setattr(settings, f"EMAIL_{name}", value)
        yield running
