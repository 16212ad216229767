"""A program's server, for every test of webhooks."""

from collections.abc import Iterator

import pytest

from tests.messaging.webhooks.receiver import Receiver, receiving
from tests.messaging.webhooks.world import World


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as server:
        yield server


@pytest.fixture
def world(receiver: Receiver) -> World:
    return World(receiver)
