"""Who sits at a socket: a customer in the chat, or a client program; what each may follow and do."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Self
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from accounts.clients.queries import ClientPrincipal, client_of_token_id
from accounts.consent.references import read_consent_reference
from accounts.signin.queries import WidgetPrincipal, live_session
from accounts.signin.tickets import Ticket, give_ticket, spend_ticket
from messaging.delivery.program_reading import PREFIX, read_consent_after
from messaging.delivery.reading import (
    Credential,
    HeldSession,
    HeldToken,
    Read,
    StreamKey,
    acknowledge,
    read_after,
)
from messaging.programs.public import consent_of_stream, stream_of_consent
from portal.tenancy.blocks import serving
from portal.tenancy.ids import new_id


class Seat(ABC):
    """What the holder of a socket may follow. `admit`, `read` and `acknowledge` are called in a thread."""

    door: ClassVar[str]
    most_streams: ClassVar[int]
    # Whether others are told that the holder is typing.
    types: ClassVar[bool]

    @property
    @abstractmethod
    def credential(self) -> Credential:
        """What the socket lives as long as."""

    @property
    @abstractmethod
    def name(self) -> UUID:
        """What `ready` calls it."""

    @property
    def bank_id(self) -> UUID | None:
        """Of which bank; none of a program's, which hears of customers of several."""
        return None

    @property
    def customer_id(self) -> UUID | None:
        return None

    @classmethod
    @abstractmethod
    def admit(cls, ticket: str) -> Self | None:
        """Whom a ticket admits, once; None where it, or what is behind it, is no longer good."""

    @staticmethod
    @abstractmethod
    def is_welcome(origins: Sequence[str]) -> bool:
        """Whether a page of that origin, or no page, may open the socket."""

    @abstractmethod
    def key_of(self, stream: str, consent: str | None) -> StreamKey | None:
        """The stream of that name, as the log knows it; None where the holder can have none such."""

    @abstractmethod
    def read(self, key: StreamKey, seq: int, epoch: str | None) -> Read | None: ...

    @abstractmethod
    def acknowledge(self, key: StreamKey, *, delivered: int, read: int) -> None: ...

    @abstractmethod
    def renewed_by(self, newer: Self) -> Self | None:
        """The seat under a newer credential of the same holder; None where it is somebody else's."""


@dataclass(frozen=True)
class CustomerSeat(Seat):
    """A customer of one bank, as long as their session in the chat frame lasts."""

    door = "chat"
    most_streams = 20
    types = True

    principal: WidgetPrincipal

    @property
    def credential(self) -> Credential:
        return HeldSession(self.principal.bank_id, self.principal.session_id)

    @property
    def name(self) -> UUID:
        return self.principal.session_id

    @property
    def bank_id(self) -> UUID:
        return self.principal.bank_id

    @property
    def customer_id(self) -> UUID:
        return self.principal.customer_id

    @classmethod
    def admit(cls, ticket: str) -> Self | None:
        held = spend_ticket(ticket, door=cls.door)
        if held is None:
            return None
        with serving(UUID(held["bank"])):
            principal = live_session(UUID(held["session"]), at=timezone.now())
        return None if principal is None else cls(principal)

    @staticmethod
    def is_welcome(origins: Sequence[str]) -> bool:
        return list(origins) == [settings.CHAT_ORIGIN]

    def key_of(self, stream: str, consent: str | None) -> StreamKey | None:
        # What programs are told is not the customer's to follow; they see it in "Who sees what".
        if consent is not None or stream.startswith(PREFIX):
            return None
        return StreamKey(self.bank_id, stream)

    def read(self, key: StreamKey, seq: int, epoch: str | None) -> Read | None:
        return read_after(self.principal, key.name, seq, epoch)

    def acknowledge(self, key: StreamKey, *, delivered: int, read: int) -> None:
        acknowledge(self.principal, key.name, delivered=delivered, read=read)

    def renewed_by(self, newer: Self) -> Self | None:
        mine, theirs = self.principal, newer.principal
        is_same = (mine.bank_id, mine.customer_id) == (theirs.bank_id, theirs.customer_id)
        return newer if is_same else None


@dataclass(frozen=True)
class ProgramSeat(Seat):
    """A client program, as long as its access token lasts. It hears within consents, and nothing else."""

    door = "api"
    most_streams = 200
    types = False

    principal: ClientPrincipal
    socket_id: UUID = field(default_factory=new_id)

    @property
    def credential(self) -> Credential:
        return HeldToken(self.principal.token_id)

    @property
    def name(self) -> UUID:
        return self.socket_id

    @classmethod
    def admit(cls, ticket: str) -> Self | None:
        held = spend_ticket(ticket, door=cls.door)
        if held is None:
            return None
        principal = client_of_token_id(int(held["token"]), timezone.now())
        return None if principal is None else cls(principal)

    @staticmethod
    def is_welcome(origins: Sequence[str]) -> bool:
        # Programs have no origin. A page has one, and could only come by a ticket that was stolen.
        return all(each == settings.API_ORIGIN for each in origins)

    def key_of(self, stream: str, consent: str | None) -> StreamKey | None:
        reference = stream.removeprefix(PREFIX)
        named = read_consent_reference(reference)
        if reference == stream or named is None or consent not in {None, reference}:
            return None
        bank_id, consent_id = named
        return StreamKey(bank_id, stream_of_consent(consent_id))

    def read(self, key: StreamKey, seq: int, epoch: str | None) -> Read | None:
        consent_id = consent_of_stream(key.name)
        if consent_id is None:
            return None
        return read_consent_after(self.principal, key.bank_id, consent_id, seq, epoch)

    def acknowledge(self, key: StreamKey, *, delivered: int, read: int) -> None:
        """Nothing: a program remembers by itself how far it has come."""

    def renewed_by(self, newer: Self) -> Self | None:
        if newer.principal.client_id != self.principal.client_id:
            return None
        return type(self)(newer.principal, self.socket_id)


def customer_ticket(principal: WidgetPrincipal) -> Ticket:
    """A ticket for a socket of the customer's session. Raises TicketsUnavailable."""
    held = {"bank": str(principal.bank_id), "session": str(principal.session_id)}
    return give_ticket(held, door=CustomerSeat.door, at=timezone.now())


def program_ticket(principal: ClientPrincipal) -> Ticket:
    """A ticket for a socket of the program's token. Raises TicketsUnavailable."""
    held = {"token": str(principal.token_id)}
    return give_ticket(held, door=ProgramSeat.door, at=timezone.now())
