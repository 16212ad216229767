"""The state folder (`.portal/`): what the embedded servers keep, our secrets, logs and pid files."""

import fcntl
import hashlib
import json
import os
import re
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from portal.local.problems import CannotStart
from portal.local.serveruser import ServerUser, server_user

REPOSITORY = Path(__file__).resolve().parents[2]
NEEDED_BYTES = 200 * 1024 * 1024
_LONGEST_SOCKET = 100
_LONGEST_NAME = "/northmoor-postgres/.s.PGSQL.65535.lock"
_PLAIN_PATH = re.compile(r"[A-Za-z0-9/._-]+")


@dataclass(frozen=True)
class State:
    """Where everything of one installation lies.

    `servers` and `sockets` lie inside `folder` unless the servers' user cannot reach it, or it is
    too deep for a socket's name; where they went instead is kept in `places.json`.
    """

    folder: Path
    servers: Path
    sockets: Path
    user: ServerUser | None

    @property
    def log(self) -> Path:
        return self.folder / "log"

    @property
    def run(self) -> Path:
        return self.folder / "run"

    @property
    def env_file(self) -> Path:
        return self.folder / "env"

    def pid_file(self, name: str) -> Path:
        return self.run / f"{name}.json"


def state_folder() -> Path:
    """PORTAL_STATE, or `.portal` in the repository."""
    return Path(os.environ.get("PORTAL_STATE") or REPOSITORY / ".portal").absolute()


def open_state(folder: Path) -> State:
    """Make the state folder with its rights, and find where servers and sockets have room."""
    folder = folder.absolute()
    user = server_user()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Others may walk through when the servers run as somebody else; nobody else may look.
        folder.chmod(0o711 if user else 0o700)
        for name in ("log", "run"):
            (folder / name).mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise CannotStart(
            f"The state folder {folder} cannot be made: {error.strerror}."
        ) from error
    _check_space(folder)
    places = read_json(folder / "places.json")
    servers = _place(places.get("servers")) or _servers_place(folder, user)
    sockets = _place(places.get("sockets")) or _sockets_place(servers)
    for place in (servers, sockets):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o711 if user else 0o700)
    write_json(folder / "places.json", {"servers": str(servers), "sockets": str(sockets)})
    return State(folder, servers, sockets, user)


def _place(stored: object) -> Path | None:
    return Path(stored) if isinstance(stored, str) and Path(stored).is_dir() else None


def _servers_place(folder: Path, user: ServerUser | None) -> Path:
    if user is None or user.reaches(folder):
        return folder / "servers"
    digest = hashlib.sha256(str(folder).encode()).hexdigest()[:12]
    return Path("/var/lib") / f"portal-local-{digest}"


def _sockets_place(servers: Path) -> Path:
    wanted = servers / "sockets"
    plain = _PLAIN_PATH.fullmatch(str(wanted))
    if plain and len(f"{wanted}{_LONGEST_NAME}") < _LONGEST_SOCKET:
        return wanted
    return Path(tempfile.mkdtemp(prefix="portal-", dir="/tmp"))


def _check_space(folder: Path) -> None:
    free = shutil.disk_usage(folder).free
    if free < NEEDED_BYTES:
        raise CannotStart(
            f"Only {free // 1024**2} MB are free where {folder} lies, and the databases need at "
            f"least {NEEDED_BYTES // 1024**2} MB. Make room, or set PORTAL_STATE to another folder."
        )


def remove_state(folder: Path) -> None:
    """Delete the state folder and what lies elsewhere for it. Its servers must be stopped."""
    places = read_json(folder / "places.json")
    for place in (places.get("sockets"), places.get("servers"), str(folder)):
        if isinstance(place, str):
            shutil.rmtree(place, ignore_errors=True)


def held(state: State) -> bool:
    """Whether a supervisor runs from this state folder."""
    try:
        with sole_user(state):
            return False
    except CannotStart:
        return True


def holder(state: State) -> int | None:
    """The pid of the supervisor that holds the lock, as it wrote it there."""
    text = (state.run / "lock").read_text(encoding="ascii").strip()
    return int(text) if text.isdecimal() else None


@contextmanager
def sole_user(state: State) -> Iterator[None]:
    """Hold the state folder's lock; the kernel lets go of it when we die, however we die."""
    with (state.run / "lock").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            lock.seek(0)
            holder = lock.read().strip() or "another process"
            raise CannotStart(
                f"The portal is already running from {state.folder} (pid {holder}). Stop it with "
                "Ctrl-C where it runs or with `make stop`, or set PORTAL_STATE to another folder."
            ) from error
        lock.truncate(0)
        lock.write(str(os.getpid()))
        lock.flush()
        yield


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file of ours; empty when the file is absent or damaged."""
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return stored if isinstance(stored, dict) else {}


def write_json(path: Path, content: dict[str, Any]) -> None:
    write_private(path, json.dumps(content, indent=2) + "\n")


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as out:
        out.write(text)
    draft.replace(path)
