"""The mailbox of `make run`: a mail server on the loopback that keeps what it is given, a file a mail.

`python -m portal.local.mailbox PORT FOLDER`. Nothing leaves this machine.
"""

import asyncio
import contextlib
import signal
import sys
import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, Envelope, Session

from portal.local.state import write_private

KEPT = 200
_LARGEST_MAIL = 1024 * 1024


@dataclass(frozen=True)
class Mail:
    """One mail as it arrived, with the name that its file has."""

    name: str
    received_at: datetime
    to: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"] or "")

    @property
    def sender(self) -> str:
        addresses = self.message["From"].addresses if self.message["From"] else ()
        return next((each.display_name or each.addr_spec for each in addresses), "")

    def part(self, kind: str) -> str:
        """Its text in that form, `plain` or `html`; empty where it has none."""
        body = self.message.get_body((kind,))
        return "" if body is None else str(body.get_content())


@dataclass(frozen=True)
class Folder:
    """Where mails are kept: `<milliseconds>-<number>.eml`, so that names sort as they came."""

    path: Path

    def keep(self, envelope: Envelope) -> None:
        content = envelope.content
        text = content if isinstance(content, str) else (content or b"").decode("utf-8", "replace")
        received = "".join(f"X-Received-By: {each}\n" for each in envelope.rcpt_tos)
        self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        name = f"{time.time_ns() // 1_000_000}-{time.perf_counter_ns() % 1000:03}.eml"
        write_private(self.path / name, received + text)
        for old in self._names()[KEPT:]:
            (self.path / old).unlink(missing_ok=True)

    def mails(self, *, to: Collection[str], at_most: int = 20) -> list[Mail]:
        """The newest mails to these addresses, newest first."""
        found = (each for each in self._read() if each.to in to)
        return [mail for _, mail in zip(range(at_most), found, strict=False)]

    def mail(self, name: str) -> Mail | None:
        return next((each for each in self._read() if each.name == name), None)

    def _names(self) -> list[str]:
        return sorted((each.name for each in self.path.glob("*.eml")), reverse=True)

    def _read(self) -> Iterator[Mail]:
        for name in self._names():
            with contextlib.suppress(OSError, ValueError):
                message = message_from_bytes(
                    (self.path / name).read_bytes(), policy=policy.default
                )
                if isinstance(message, EmailMessage):
                    at = datetime.fromtimestamp(int(name.partition("-")[0]) / 1000, UTC)
                    yield Mail(name, at, str(message["X-Received-By"] or ""), message)


def mail_folder(state: Path) -> Path:
    """Where the mailbox of an installation keeps what it is given."""
    return state / "mail"


class Keeping:
    """What the mail server does with a mail: keeps it."""

    def __init__(self, folder: Folder) -> None:
        self._folder = folder

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802  # the library's name
        await asyncio.to_thread(self._folder.keep, envelope)
        return "250 kept"


async def serve(port: int, folder: Folder) -> None:
    """Until SIGTERM."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, ended.set)
    server = await loop.create_server(
        lambda: SMTP(Keeping(folder), hostname="localhost", data_size_limit=_LARGEST_MAIL),
        host="127.0.0.1",
        port=port,
    )
    async with server:
        sys.stdout.write(f"the mailbox listens on {port}\n")
        sys.stdout.flush()
        await ended.wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), Folder(Path(sys.argv[2]))))
