"""How the supervisor asks a process whether it is well. Each answers within a second or so."""

import http.client
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from portal.local.processes import Running

Probe = Callable[[Running], bool]

_SERVER_ERROR = 500


@dataclass(frozen=True)
class HttpProbe:
    """Any answer but a server's error. The Host header names the site; the address is loopback."""

    port: int
    path: str
    host: str
    timeout: float = 2.0

    def __call__(self, _: Running) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=self.timeout)
        try:
            connection.request("GET", self.path, headers={"Host": self.host})
            return connection.getresponse().status < _SERVER_ERROR
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


@dataclass(frozen=True)
class LogProbe:
    """A process without a door: well once it has said so in its log, and while it lives."""

    log: Path
    says: re.Pattern[bytes]
    _seen: set[int] = field(default_factory=set, compare=False)

    def __call__(self, running: Running) -> bool:
        if running.pid not in self._seen and self._says_so():
            self._seen.add(running.pid)
        return running.pid in self._seen and running.alive()

    def _says_so(self) -> bool:
        try:
            return self.says.search(self.log.read_bytes()[-65536:]) is not None
        except OSError:
            return False


@dataclass(frozen=True)
class StaysProbe:
    """A process that says nothing: well when it has lived for a moment."""

    seconds: float = 1.5
    _since: dict[int, float] = field(default_factory=dict, compare=False)

    def __call__(self, running: Running) -> bool:
        since = self._since.setdefault(running.pid, time.monotonic())
        return running.alive() and time.monotonic() - since >= self.seconds
