"""What a test run or the main job started ends with it, whatever end it has."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from portal.local.processes import Identity
from tests.journeys.stack import ROOT
from tests.portal.local.test_processes import wait_for

STARTER = """
import sys, time
from tests.journeys.stack import watched
with watched({environ!r}):
    print("watched", flush=True)
    sys.stdin.buffer.read()
"""


@pytest.fixture
def environ(tmp_path: Path) -> dict[str, str]:
    """One server of a portal of its own runs, in the background."""
    kept = {name: each for name, each in os.environ.items() if not name.startswith("PORTAL_")}
    told = kept | {"PORTAL_STATE": str(tmp_path / "portal"), "PORTAL_VALKEY_PORT": "0"}
    tmp_path.chmod(0o711)
    command = [sys.executable, "-m", "portal.local", "up", "--only", "valkey"]
    subprocess.run(command, cwd=ROOT, env=told, check=True, stdout=subprocess.DEVNULL)
    return told


@pytest.fixture
def starter(environ: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        [sys.executable, "-c", STARTER.format(environ=environ)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"watched\n"
    yield process
    process.kill()
    process.communicate()
    subprocess.run(
        [sys.executable, "-m", "portal.local", "reset"], cwd=ROOT, env=environ, check=True
    )


def server_of(environ: dict[str, str]) -> Identity:
    (found,) = Path(environ["PORTAL_STATE"], "run").glob("valkey*.json")
    identity = Identity.load(found)
    assert identity is not None
    assert identity.alive()
    return identity


@pytest.mark.slow
def test_what_was_started_ends_with_who_is_killed(
    environ: dict[str, str], starter: subprocess.Popen[bytes]
) -> None:
    server = server_of(environ)

    starter.kill()

    assert wait_for(lambda: not server.alive(), 20)
    assert wait_for(lambda: not Path(environ["PORTAL_STATE"]).exists(), 20)


@pytest.mark.slow
def test_who_ends_in_order_has_stopped_it_themselves(
    environ: dict[str, str], starter: subprocess.Popen[bytes]
) -> None:
    starter.communicate(b"")

    assert starter.returncode == 0
    assert server_of(environ).alive()
