"""The running bank: what every door of it is given."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
from dataclasses import dataclass, field

import httpx
from starlette.requests import HTTPConnection

from partners.sandbox.faults import Faults
from partners.sandbox.keys import BankKeys
from partners.sandbox.profiles import BankProfile
from partners.sandbox.settings import Settings
from partners.sandbox.storage.database import Pool


@dataclass
class Bank:
    """Settings, database, keys, faults, and the two bells that wake the background work."""

    settings: Settings
    pool: Pool
    keys: BankKeys
    outside: httpx.AsyncClient
    faults: Faults = field(default_factory=Faults)
    told: asyncio.Event = field(default_factory=asyncio.Event)
    due: asyncio.Event = field(default_factory=asyncio.Event)
    # Who showed which certificate, by the port of the connection behind the door with TLS.
    certificates: dict[int, str] = field(default_factory=dict)
    closing: bool = False

    @property
    def profile(self) -> BankProfile:
        """The bank's public face."""
        return self.settings.profile

    @property
    def origin(self) -> str:
        """The bank's own origin, as others know it."""
        return self.settings.origin

    def close(self) -> None:
        """Ask the background work to end after what it is doing."""
        self.closing = True
        self.told.set()
        self.due.set()

    def now(self) -> dt.datetime:
        """The bank's clock, in UTC."""
        return dt.datetime.now(dt.UTC)


def bank_of(connection: HTTPConnection) -> Bank:
    """The bank that serves this request."""
    bank: Bank = connection.app.state.bank
    return bank


async def rung(bell: asyncio.Event, *, within: float) -> None:
    """Wait for a bell, but not for longer than that many seconds."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(within):
            await bell.wait()
