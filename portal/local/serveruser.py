"""Whom the servers run as: PostgreSQL refuses root, so root hands them to a user without rights."""

import os
import pwd
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

from portal.local.problems import CannotStart

_CANDIDATES = ("postgres", "nobody")
_OWN = "portal-local"


@dataclass(frozen=True)
class ServerUser:
    name: str
    uid: int
    gid: int

    def reaches(self, path: Path) -> bool:
        """Whether this user may walk down to `path` and into it."""
        folder = path.resolve()
        return all(self._enters(step) for step in (folder, *folder.parents))

    def _enters(self, folder: Path) -> bool:
        status = folder.stat()
        if status.st_uid == self.uid:
            bit = stat.S_IXUSR
        elif status.st_gid == self.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        return bool(status.st_mode & bit)

    def owns(self, path: Path) -> None:
        """Give a file or folder to this user."""
        os.chown(path, self.uid, self.gid)


def server_user() -> ServerUser | None:
    """The user that the servers run as, or None for the one who runs us."""
    if os.geteuid() != 0:
        return None
    for name in (*_CANDIDATES, _OWN):
        found = _lookup(name)
        if found:
            return found
    return _make_user()


def _lookup(name: str) -> ServerUser | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return ServerUser(name, entry.pw_uid, entry.pw_gid) if entry.pw_uid else None


def _make_user() -> ServerUser:
    useradd = shutil.which("useradd")
    if useradd:
        command = [useradd, "--system", "--no-create-home", "--shell", "/bin/false", _OWN]
        subprocess.run(command, check=False, capture_output=True)  # noqa: S603
    made = _lookup(_OWN)
    if made is None:
        raise CannotStart(
            "PostgreSQL refuses to run as root, and no user without rights could be found or made. "
            f"Make one (useradd --system {_OWN}) or run as a user other than root."
        )
    return made
