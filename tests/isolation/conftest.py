"""The world that a module shares, and the witness of what is written in it."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connections

from partners.integrations.runner import close_connections
from tests.conftest import empty_tables
from tests.isolation.witness import Witness
from tests.isolation.world import World, make_world
from tests.ports import free_port
from tests.sandbox_bank import SandboxBank, sandbox_bank


@pytest.fixture(scope="module")
def world(django_db_setup: None, django_db_blocker: Any) -> Iterator[World]:
    """Committed once; each test undoes what it does to it, and the tables are emptied after the last."""
    with django_db_blocker.unblock():
        made = make_world()
        connections.close_all()
    yield made
    with django_db_blocker.unblock():
        empty_tables()


@pytest.fixture
def witness(world: World, db: None) -> Witness:
    return Witness(world.bank_ids)


@pytest.fixture(scope="session")
def reachable_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    """A sandbox bank of this folder's own, for the few doors that call a bank."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "only")
    log: Path = tmp_path_factory.mktemp("sandbox") / "bank.log"
    with sandbox_bank(port=free_port(), name=f"isolation_{worker}", log=log) as bank:
        yield bank
    close_connections()
