"""A real mail server in a thread: it keeps what it is given, and misbehaves when it is told to."""

import logging
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.ports import free_port

TAKEN = "250 taken"
logging.getLogger("mail.log").setLevel(logging.WARNING)


@dataclass
class Mailbox:
    """What arrived, in order. `to_recipient` and `to_mail` are what the server answers to RCPT and to a mail."""

    port: int
    mails: list[EmailMessage] = field(default_factory=list)
    recipients: list[str] = field(default_factory=list)
    to_recipient: str = TAKEN
    to_mail: str = TAKEN
    # Called when a mail is there, before the server says that it took it.
    before_taking: Any = None

    @property
    def url(self) -> str:
        return f"smtp://127.0.0.1:{self.port}?tls=none"

    def texts(self) -> list[str]:
        return [text_of(each) for each in self.mails]

    def wait_for(self, count: int, *, seconds: float = 30) -> EmailMessage:
        """The newest mail once so many are there."""
        give_up = time.monotonic() + seconds
        while len(self.mails) < count:
            assert time.monotonic() < give_up, f"{len(self.mails)} of {count} mails arrived"
            time.sleep(0.05)
        return self.mails[-1]

    # What aiosmtpd calls.
    async def handle_RCPT(  # noqa: N802
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: Any
    ) -> str:
        if self.to_recipient == TAKEN:
            envelope.rcpt_tos.append(address)
        return self.to_recipient

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802
        if self.before_taking is not None:
            self.before_taking()
        if self.to_mail == TAKEN:
            content = envelope.content
            assert isinstance(content, bytes)
            mail = message_from_bytes(content, policy=policy.default)
            assert isinstance(mail, EmailMessage)
            self.recipients += envelope.rcpt_tos
            self.mails.append(mail)
        return self.to_mail


@contextmanager
def mailbox() -> Iterator[Mailbox]:
    box = Mailbox(free_port())
    controller = Controller(box, hostname="127.0.0.1", port=box.port)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def text_of(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content()).replace("\r\n", "\n")


def html_of(mail: EmailMessage) -> str:
    part = mail.get_body(("html",))
    assert part is not None
    return str(part.get_content())


def link_in(mail: EmailMessage) -> str:
    """The one address in a mail's text."""
    (found,) = re.findall(r"https?://\S+", text_of(mail))
    return str(found)
