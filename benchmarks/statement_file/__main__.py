"""`python -m benchmarks.statement_file`: one large camt.053, from the bank's own upload to the last row that is stored.

A real `web` takes it in over REST, a real worker checks and stores it, and is killed once in the midst of storing (`--no-kill`: not).
Judged from outside: the progress that the bank is told, the memory of the two at their highest, and at the end that the account holds
every entry once and their sum. Exits 1 where one is missing or twice, or the worker needed more than 250 MB.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from benchmarks.consent.world import prepare, say
from benchmarks.processes import free_port, running
from benchmarks.statement_file.written import IBAN, Written
from portal.local.testing import servers

MOST_MB = 250
_KILLED_AT = 0.3
_PATIENCE_SECONDS = 3600
_BEAT_SECONDS = 5


@dataclass
class Worker:
    """The celery worker and its child, in a session of their own."""

    log: Path
    most_mb: float = 0
    killed: int = 0
    process: "subprocess.Popen[bytes]" = field(init=False)

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "celery", "-A", "portal", "worker"),
                    *(
                        "--concurrency",
                        "1",
                        "--without-gossip",
                        "--without-mingle",
                        "-l",
                        "WARNING",
                    ),
                ],
                stdout=out,
                stderr=out,
                start_new_session=True,
            )

    def look(self) -> None:
        """Note the memory of the largest of its processes."""
        self.most_mb = max(self.most_mb, *(highest_mb(each) for each in self._pids()), 0)

    def kill(self) -> None:
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()
        self.killed += 1

    def stop(self) -> None:
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def _pids(self) -> Iterator[int]:
        yield self.process.pid
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        yield from map(int, children.read_text(encoding="ascii").split())


def highest_mb(pid: int) -> float:
    """VmHWM of proc(5); 0 where the process is gone."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    return next((int(each.split()[1]) / 1024 for each in lines if each.startswith("VmHWM")), 0)


@dataclass(frozen=True)
class Came:
    """How it went. `looks`: how many places the bank was told of while it waited."""

    took_in: float
    checked: float
    stored: float
    looks: int
    web_mb: float
    body: dict[str, Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.statement_file")
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--no-kill", action="store_true")
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="portal-benchmark-") as name,
        servers(Path(name) / "servers", durable=True) as servers_,
    ):
        say("starting servers and opening a bank ...")
        os.environ["PORTAL_IMPORT_FOLDER"] = f"{name}/imports"
        os.environ["PORTAL_IMPORT_MEGABYTES"] = "8000"
        prepare(servers_)
        home = _home()
        file = Written(options.entries, date.today() - timedelta(days=30))  # noqa: DTZ011  # any day will do
        with _worker(Path(name) / "worker.log") as worker:
            came = _played(home, file, worker, Path(name), kill=not options.no_kill)
        wrong = _wrong(home, file, came)
    sys.stdout.write(_told(file, worker, came, wrong))
    return 1 if wrong or worker.most_mb > MOST_MB else 0


def _home() -> Any:
    """A bank that signs its own uploads, and a customer who allows the payments of one account."""
    from django.conf import settings  # noqa: PLC0415  # needs the settings

    settings.ALLOWED_HOSTS = ["*"]
    accounts: Any = import_module("tests.factories.accounts")
    written: Any = import_module("tests.partners.imports.written")
    home = accounts.make_household()
    written.number_account(home.account, IBAN)
    accounts.make_consent(home.customer, [home.account])
    _door().publish(home.bank)
    return home


def _door() -> Any:
    return import_module("tests.partners.imports.test_api")


@contextmanager
def _worker(log: Path) -> Iterator[Worker]:
    worker = Worker(log)
    worker.start()
    try:
        yield worker
    finally:
        worker.stop()


def _played(home: Any, file: Written, worker: Worker, folder: Path, *, kill: bool) -> Came:
    port = free_port()
    web = [
        *(sys.executable, "-m", "uvicorn", "portal.asgi:application", "--host", "127.0.0.1"),
        *("--port", str(port), "--no-access-log", "--log-level", "warning"),
    ]
    with (
        running(web, log=folder / "web.log", port=port, environ=os.environ) as program,
        httpx.Client(timeout=600, trust_env=False) as http,
    ):
        return _waited(_Bank(home, http, port), file, worker, program.process.pid, kill=kill)


@dataclass(frozen=True)
class _Bank:
    """The bank's own system, which brings a file and asks how far it is."""

    home: Any
    http: httpx.Client
    port: int

    def bring(self, file: Written) -> str:
        answer = self.http.post(
            f"{self._base}/statement-imports",
            content=file.pieces(),
            headers=self._headers | {"Content-Type": "application/xml"},
        )
        answer.raise_for_status()
        return str(answer.json()["id"])

    def look(self, import_id: str) -> dict[str, Any]:
        where = f"{self._base}/statement-imports/{import_id}"
        answer: dict[str, Any] = self.http.get(where, headers=self._headers).json()
        return answer

    @property
    def _base(self) -> str:
        return f"http://127.0.0.1:{self.port}/banks/{self.home.bank.slug}"

    @property
    def _headers(self) -> dict[str, str]:
        from django.conf import settings  # noqa: PLC0415  # needs the settings

        host = f"api.{settings.PORTAL_BASE_HOST}"
        return {"Host": host, "Authorization": f"Bearer {_door().token(self.home.bank)}"}


def _waited(bank: _Bank, file: Written, worker: Worker, web: int, *, kill: bool) -> Came:
    from portal.wakeups import wake  # noqa: PLC0415  # needs the settings

    say(f"bringing {file.entries:,} entries ...")
    began = time.monotonic()
    import_id = bank.bring(file)
    brought = time.monotonic()
    checked, woken = 0.0, brought
    looks: set[tuple[str, int]] = set()
    while time.monotonic() - brought < _PATIENCE_SECONDS:
        body = bank.look(import_id)
        worker.look()
        progress, now = body["progress"], time.monotonic()
        looks.add((progress["step"], progress["done"]))
        if progress["step"] == "storing" and not checked:
            checked = now
        if body["finished_at"]:
            return Came(
                brought - began,
                checked - brought,
                now - checked,
                len(looks),
                highest_mb(web),
                body,
            )
        share = progress["done"] / progress["total"]
        if kill and not worker.killed and checked and share > _KILLED_AT:
            say(f"killing the worker at {progress['done']:,} of {progress['total']:,} ...")
            worker.kill()
            worker.start()
        if now - woken > _BEAT_SECONDS:
            # As the timetable does.
            woken = now
            wake("partners.imports.tasks.read_due")
        time.sleep(0.25)
    raise TimeoutError(f"not done within {_PATIENCE_SECONDS} s: {bank.look(import_id)}")


def _wrong(home: Any, file: Written, came: Came) -> list[str]:
    from django.db.models import Count, Sum  # noqa: PLC0415  # needs the settings

    from partners.ledger.models import Entry  # noqa: PLC0415
    from portal.tenancy.blocks import serving  # noqa: PLC0415

    with serving(home.bank_id):
        mine = Entry.objects.filter(account_id=home.account.id, source="statement:camt.053")
        found = mine.aggregate(
            rows=Count("id"), ids=Count("external_id", distinct=True), cents=Sum("amount_minor")
        )
    counts = came.body["counts"]
    said = counts["added"] + counts["known"]
    return [
        f"{what}: {is_so}, not {should}"
        for what, is_so, should in (
            ("state", came.body["state"], "done"),
            ("balances", came.body["balances"], True),
            ("entries in the file", counts["entries"], file.entries),
            ("entries accounted for", said, file.entries),
            ("rows", found["rows"], file.entries),
            ("different rows", found["ids"], file.entries),
            ("sum in cents", found["cents"], file.cents),
        )
        if is_so != should
    ]


def _told(file: Written, worker: Worker, came: Came, wrong: list[str]) -> str:
    rates = (file.entries / max(0.01, each) for each in (came.took_in, came.checked, came.stored))
    took_in, checked, stored = rates
    lines = [
        "| step | seconds | entries a second |",
        "| --- | --- | --- |",
        f"| brought, {file.size / 1e6:,.0f} MB | {came.took_in:.1f} | {took_in:,.0f} |",
        f"| checked | {came.checked:.1f} | {checked:,.0f} |",
        f"| stored | {came.stored:.1f} | {stored:,.0f} |",
        "",
        f"{file.entries:,} entries; the worker {worker.most_mb:.0f} MB at most, web {came.web_mb:.0f} MB; "
        f"killed {worker.killed} times; the bank was told of {came.looks} places on the way.",
        *(f"WRONG: {each}" for each in wrong),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
