"""What is sent: from which queue, to which server, and what is written down beside its own row."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, ClassVar, Protocol

from messaging.notices.actions import (
    Claim,
    ReadyMail,
    ReadyPush,
    begin_mail,
    begin_push,
    is_needed,
    note_browsers,
    note_mailbox,
)
from messaging.notices.addresses import ReadyProof, begin_proof
from messaging.notices.letters import notice_letter, proof_letter
from messaging.notices.mailing import MailLine
from messaging.notices.models import AddressProof, Notice, Sending, Way
from messaging.notices.pushing import push
from messaging.notices.rules import (
    GIVEN_UP_AFTER,
    MAILBOX,
    PUSH_GIVEN_UP_AFTER,
    Outcome,
    Told,
)

# Longer than one mail can take: its four steps at EMAIL_TIMEOUT each.
_MAILING = timedelta(seconds=60)
_PUSHING = timedelta(seconds=30)


class Lane(Protocol):
    """A queue, and the server that its rows are handed to."""

    model: ClassVar[type[Sending]]
    way: ClassVar[str]
    # After which it is given up.
    patience: ClassVar[timedelta]

    def is_needed(self, held: Claim) -> bool:
        """In the bank's block: False where it is settled now, since nobody has to be told."""

    def open(self) -> None:
        """Have the server listen. Raises ServerAway."""

    def begin(self, held: Claim, *, at: datetime) -> Any | None:
        """In the customer's block: what leaves now, and written down that it does; None for nothing."""

    def hand(self, parcel: Any) -> Told:
        """With no transaction open: hand it over, and say what the server said."""

    def note(self, parcel: Any, told: Told, *, at: datetime) -> None:
        """In the bank's block: what else is known now."""


class AlertMails:
    """Alerts and reminders that nobody has seen in the chat, by mail."""

    model: ClassVar[type[Sending]] = Notice
    way: ClassVar[str] = Way.MAIL.value
    patience: ClassVar[timedelta] = GIVEN_UP_AFTER

    def __init__(self, line: MailLine) -> None:
        self._line = line

    def is_needed(self, held: Claim) -> bool:
        return is_needed(held)

    def open(self) -> None:
        self._line.open()

    def begin(self, held: Claim, *, at: datetime) -> ReadyMail | None:
        return begin_mail(held, at=at, lease=_MAILING)

    def hand(self, parcel: ReadyMail) -> Told:
        return self._line.post(notice_letter(parcel))

    def note(self, parcel: ReadyMail, told: Told, *, at: datetime) -> None:
        if told.outcome == Outcome.PUT_OFF:
            return
        no_mailbox = told.outcome == Outcome.REFUSED and told.reason.startswith(MAILBOX)
        note_mailbox(parcel.address, refused_at=at if no_mailbox else None)


class AlertPushes:
    """The same alerts, in the customer's browsers."""

    model: ClassVar[type[Sending]] = Notice
    way: ClassVar[str] = Way.PUSH.value
    patience: ClassVar[timedelta] = PUSH_GIVEN_UP_AFTER

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def is_needed(self, held: Claim) -> bool:
        return is_needed(held)

    def open(self) -> None:
        """Each browser has a push service of its own."""

    def begin(self, held: Claim, *, at: datetime) -> ReadyPush | None:
        return begin_push(held, at=at, lease=_PUSHING)

    def hand(self, parcel: ReadyPush) -> Told:
        return push(parcel, at=self._clock())

    def note(self, parcel: ReadyPush, _told: Told, *, at: datetime) -> None:
        note_browsers(parcel, at=at)


class ProofMails:
    """Digits that show that an address is the customer's."""

    model: ClassVar[type[Sending]] = AddressProof
    way: ClassVar[str] = ""
    # Somebody waits in front of a page.
    patience: ClassVar[timedelta] = timedelta(minutes=10)

    def __init__(self, line: MailLine) -> None:
        self._line = line

    def is_needed(self, _held: Claim) -> bool:
        return True

    def open(self) -> None:
        self._line.open()

    def begin(self, held: Claim, *, at: datetime) -> ReadyProof | None:
        return begin_proof(held, at=at, lease=_MAILING)

    def hand(self, parcel: ReadyProof) -> Told:
        return self._line.post(proof_letter(parcel))

    def note(self, parcel: ReadyProof, told: Told, *, at: datetime) -> None:
        """Nothing beside its own row."""
