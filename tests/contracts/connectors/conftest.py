"""Every connector, and what its bank says."""

import pytest

from partners.connectors.base import Connector
from partners.connectors.catalogue import CONNECTORS
from tests.contracts.connectors.dialects import ADDRESS, DIALECTS, Dialect


@pytest.fixture(params=sorted(CONNECTORS))
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def bank(name: str) -> Connector:
    return CONNECTORS[name](ADDRESS)


@pytest.fixture
def dialect(name: str) -> Dialect:
    return DIALECTS[name]
