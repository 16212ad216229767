"""The facts that the people's side publishes, under the key `customer:<id>` where nothing else is said."""

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


@dataclass(frozen=True)
class ConsentSuperseded(Event):
    """A newer consent took this one's place; the newer one is told as granted."""

    name: ClassVar[str] = "ConsentSuperseded"

    consent_id: UUID
    customer_id: UUID


@dataclass(frozen=True)
class ConsentLapsed(Event):
    """The time of a program's consent is over. Kept when it is granted, and heard when it is so:
    whether the consent had ended before, the hearer asks. Key: `consent:<consent_id>`.
    """

    name: ClassVar[str] = "ConsentLapsed"

    consent_id: UUID
    customer_id: UUID
