"""What tests of several rooms need: one sandbox bank a worker, good again before each test."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from partners.integrations.runner import close_connections
from tests.ports import free_port
from tests.sandbox_bank import SandboxBank, sandbox_bank


@pytest.fixture(scope="session")
def running_bank(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxBank]:
    worker = os.environ.get("PYTEST_XDIST_WORKER", "only")
    log: Path = tmp_path_factory.mktemp("sandbox") / "bank.log"
    with sandbox_bank(port=free_port(), name=f"bank_{worker}", log=log) as bank:
        yield bank
    close_connections()


@pytest.fixture
def sandbox(running_bank: SandboxBank) -> SandboxBank:
    running_bank.be()
    return running_bank
