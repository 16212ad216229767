"""Handing a mail to the mail server, and what the server said: taken, refused for good, or not now."""

import logging
import smtplib
from dataclasses import dataclass
from email.utils import formataddr
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection

from messaging.notices.rules import BROKEN_OFF, MAILBOX, Outcome, Told
from messaging.notices.servers import ServerAway, require_no_transaction

logger = logging.getLogger(__name__)

_PERMANENT = 500


@dataclass(frozen=True)
class Letter:
    """A mail, ready. `message_id` is the same however often it is tried, so that mailboxes know it again."""

    message_id: str
    to: str
    sender_name: str
    subject: str
    text: str
    html: str
    locale: str


class MailLine:
    """A conversation with the mail server, begun when it is first needed and kept for the next letter."""

    def __init__(self) -> None:
        self._line: Any = None

    def open(self) -> None:
        """Have the server listen. Raises ServerAway."""
        require_no_transaction()
        if self._line is not None:
            return
        line = get_connection()
        try:
            line.open()
        except (smtplib.SMTPException, OSError) as problem:
            logger.warning("the mail server is away: %s", type(problem).__name__)
            raise ServerAway from None
        self._line = line

    def post(self, letter: Letter) -> Told:
        """Hand one letter over; says what the server said. Nothing of the letter is logged."""
        require_no_transaction()
        told = _posted(self._line, letter)
        if told.outcome == Outcome.PUT_OFF:
            self.close()
        return told

    def close(self) -> None:
        line, self._line = self._line, None
        try:
            if line is not None:
                line.close()
        except (smtplib.SMTPException, OSError):
            return  # It has left already.


def _posted(line: Any, letter: Letter) -> Told:
    try:
        line.send_messages([_message(letter)])
    except smtplib.SMTPRecipientsRefused as refused:
        code = next((each[0] for each in refused.recipients.values()), 0)
        return _said(code, MAILBOX)
    except smtplib.SMTPDataError as refused:
        return _said(refused.smtp_code, "mail")
    except smtplib.SMTPResponseException as refused:
        # Of us, not of the letter: a mail server that does not want us today may be set right.
        logger.warning("the mail server does not let us send: %d", refused.smtp_code)
        return Told(Outcome.PUT_OFF, f"server {refused.smtp_code}")
    except (smtplib.SMTPException, OSError) as problem:
        logger.warning("the mail server broke off: %s", type(problem).__name__)
        return Told(Outcome.PUT_OFF, BROKEN_OFF)
    return Told(Outcome.ACCEPTED)


def _said(code: int, what: str) -> Told:
    outcome = Outcome.REFUSED if code >= _PERMANENT else Outcome.PUT_OFF
    return Told(outcome, f"{what} {code}")


def _message(letter: Letter) -> EmailMultiAlternatives:
    message = EmailMultiAlternatives(
        subject=letter.subject,
        body=letter.text,
        from_email=formataddr((letter.sender_name, settings.DEFAULT_FROM_EMAIL)),
        to=[letter.to],
        headers={
            "Message-ID": letter.message_id,
            # RFC 3834: nobody's absence notice has to answer this.
            "Auto-Submitted": "auto-generated",
            "Content-Language": letter.locale,
        },
    )
    message.attach_alternative(letter.html, "text/html")
    return message
