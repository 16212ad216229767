"""What comes from outside the sockets: a program's own server that takes webhooks, and a mail server."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus

from standardwebhooks.webhooks import WebhookVerificationError

from benchmarks.main_job.records import Body, Hook, Mail, Money
from tests.mailbox import Mailbox, link_in, mailbox
from tests.messaging.webhooks.receiver import Received, Receiver, Reply, receiving

# One in so many messages is refused when it comes for the first time: it has to come again.
_REFUSED_ONE_IN = 5
_CARD = re.compile(r"/alerts/[^/?#]+/([0-9a-f-]{36})")


@dataclass(frozen=True)
class Post:
    """Both, running."""

    receiver: Receiver
    box: Mailbox
    # What each message that was taken says, by its place; None: no good signature.
    _read: dict[int, Hook | None] = field(default_factory=dict)

    def mails_to(self, address: str) -> list[Mail]:
        """What that address was sent, in order; a mail that leads to no card has an empty `message`."""
        both = zip(tuple(self.box.recipients), tuple(self.box.mails), strict=False)
        return [
            Mail(str(mail["Message-ID"]), "".join(_CARD.findall(link_in(mail))[:1]))
            for to, mail in both
            if to == address
        ]

    def hooks(self, secret: str, accounts: Body) -> tuple[list[Hook], int]:
        """The webhooks that were taken, and how many had no good signature.

        To be called every few seconds: a signature is good for five minutes.
        """
        for place, each in enumerate(_taken(tuple(self.receiver.received))):
            if place not in self._read:
                try:
                    self._read[place] = _read(each.id, each.verified(secret), accounts)
                except WebhookVerificationError:
                    self._read[place] = None
        taken = [each for each in self._read.values() if each is not None]
        return taken, len(self._read) - len(taken)


@contextmanager
def post_office() -> Iterator[Post]:
    """Open until the block ends. The receiver refuses some messages once, as real ones do."""
    with mailbox() as box, receiving() as receiver:
        receiver.decide = _Refusing()
        yield Post(receiver, box)


class _Refusing:
    """Refuses every so many new messages, by their own ids, and takes them when they come again."""

    def __init__(self) -> None:
        self._met: set[str] = set()

    def __call__(self, came: Received) -> Reply:
        is_new = came.id not in self._met
        self._met.add(came.id)
        is_refused = is_new and len(self._met) % _REFUSED_ONE_IN == 0
        return Reply(HTTPStatus.SERVICE_UNAVAILABLE if is_refused else HTTPStatus.NO_CONTENT)


def _taken(received: Sequence[Received]) -> list[Received]:
    """Those that were answered 2xx: the same rule over the same messages."""
    rule = _Refusing()
    return [each for each in received if rule(each).status == HTTPStatus.NO_CONTENT]


def _read(message_id: str, said: Body, accounts: Body) -> Hook:
    data = said["data"]
    about = data.get("transaction")
    return Hook(
        id=message_id,
        type=said["type"],
        account=accounts.get(data.get("account_id"), ""),
        alert_type=data.get("alert_type", ""),
        row=about["id"] if about else "",
        money=Money.read(about["amount"]) if about else None,
        rows=tuple(data.get("transaction_ids", ())),
        has_more=data.get("has_more", False),
    )
