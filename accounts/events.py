"""The facts that the people's side publishes; all under the key `customer:<id>`."""

from dataclasses import dataclass
from typing import ClassVar
from uuid import UUID

from portal.outbox.events import Event


@dataclass(frozen=True)
class ConsentGranted(Event):
    """A customer allowed something; `consent_id` says what."""

    name: ClassVar[str] = "ConsentGranted"

    consent_id: UUID
    customer_id: UUID


@dataclass(frozen=True)
class ConsentRevoked(Event):
    """A customer took a consent back. A consent replaced by a newer one is not revoked."""

    name: ClassVar[str] = "ConsentRevoked"

    consent_id: UUID
    customer_id: UUID
