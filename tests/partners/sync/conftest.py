"""A customer of the sandbox bank whose card is as it was."""

from typing import Any

import pytest

from tests.sandbox_bank import SandboxBank


@pytest.fixture
def person(sandbox: SandboxBank) -> dict[str, Any]:
    person = sandbox.customers()[2]
    sandbox.do("POST", f"customers/{person['login']}/cards", frozen=False)
    return person
