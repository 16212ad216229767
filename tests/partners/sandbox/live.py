"""The bank as the real program, and a receiver of its events: both on real ports."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.partners.sandbox.visitor import Visitor

REPOSITORY = Path(__file__).resolve().parents[3]
READY_WITHIN_SECONDS = 30


@dataclass
class Program:
    """The running program and a visitor of it."""

    process: subprocess.Popen[bytes]
    visitor: Visitor

    def end(self, number: int = signal.SIGTERM) -> int:
        """Signal it and wait; gives its exit code."""
        self.process.send_signal(number)
        return self.process.wait(timeout=15)


@asynccontextmanager
async def running(environ: dict[str, str]) -> AsyncIterator[Program]:
    """The program, answering; killed at the end if it is still there."""
    port = environ["SANDBOX_PORT"]
    process = subprocess.Popen(  # noqa: ASYNC220 - starts at once; it is its serving that takes time
        [sys.executable, "-m", "partners.sandbox"],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    host = {"Host": f"{environ['SANDBOX_SLUG']}-bank.localhost:{port}"}
    try:
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}", headers=host, timeout=15, trust_env=False
        ) as http:
            await _ready(process, http)
            yield Program(process, Visitor(http))
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate(timeout=15)


async def _ready(process: subprocess.Popen[bytes], http: httpx.AsyncClient) -> None:
    for _ in range(READY_WITHIN_SECONDS * 20):
        assert process.poll() is None, "the bank ended at once"
        try:
            if (await http.get("/_control/health")).is_success:
                return
        except httpx.TransportError:
            await asyncio.sleep(0.05)
    raise TimeoutError("the bank did not begin to answer")


@dataclass
class Receiver:
    """Takes events over HTTP, or refuses the first few."""

    refuse: int = 0
    taken: list[tuple[dict[str, str], str]] = field(default_factory=list)
    refused: int = 0
    arrived: asyncio.Event = field(default_factory=asyncio.Event)
    url: str = ""

    @asynccontextmanager
    async def listening(self) -> AsyncIterator["Receiver"]:
        """On a free port of this machine."""
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/open-banking/aurelia/event-notifications"
        try:
            yield self
        finally:
            server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")[1:-2]
                headers = {
                    name.lower(): value for name, value in (line.split(": ", 1) for line in lines)
                }
                body = await reader.readexactly(int(headers["content-length"]))
                writer.write(self._answer(headers, body.decode()))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, headers: dict[str, str], body: str) -> bytes:
        if self.refused < self.refuse:
            self.refused += 1
            return b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"
        self.taken.append((headers, body))
        self.arrived.set()
        return b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"

    async def wait_for(self, number: int, *, within: float = 10) -> None:
        """Until so many events were taken."""
        async with asyncio.timeout(within):
            while len(self.taken) < number:
                self.arrived.clear()
                await self.arrived.wait()
