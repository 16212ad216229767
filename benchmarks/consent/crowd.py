"""`python -m benchmarks.consent.crowd`: two hundred callers at once, two sealers, and then the log is checked.

Half of them read a page each time, half are refused. While they do, checkpoints are collected and the age of
what is not sealed is looked at. Afterwards `verify.py` checks the bank's export against every checkpoint that
was collected, and every id that a caller was given has to be in it. Exit 1 where anything is amiss.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import ExitStack, suppress
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from benchmarks.consent.world import ROWS, filled_home, prepare, say, sealing
from portal.environment import ROOT
from portal.local.testing import servers

_HOMES = 8
_PATIENCE_SECONDS = 60
_OLDEST = "SELECT extract(epoch FROM clock_timestamp() - min(due_at)) FROM accounts_unsealed WHERE due_at <= now()"


class Crowd:
    """What the callers were given, and what was seen meanwhile."""

    def __init__(self, bank_id: UUID, homes: list[Any]) -> None:
        self.bank_id = bank_id
        self.homes = homes
        self.ids: list[str] = []
        self.held: set[str] = set()
        self.ages: list[float] = []
        self.failures: Counter[str] = Counter()

    def call(self, number: int, until: float) -> None:
        from django.db import connections  # noqa: PLC0415  # needs the settings

        home, consent, client = self.homes[number % len(self.homes)]
        while time.monotonic() < until:
            try:
                self._read(home, consent, client, refused=bool(number % 2))
            except Exception as reason:  # noqa: BLE001  # counted, and the rest goes on
                self.failures[f"{type(reason).__name__}: {reason}"] += 1
            finally:
                # As after a request: the connection goes back to the pool, and another caller takes it.
                connections.close_all()

    def _read(self, home: Any, consent: Any, client: Any, *, refused: bool) -> None:
        from django.utils import timezone  # noqa: PLC0415  # needs the settings

        from accounts.disclosure.proofs import checkpoint_header  # noqa: PLC0415
        from partners.sharing.gate import (  # noqa: PLC0415
            NotShared,
            Recipient,
            recording_refusals,
        )
        from partners.sharing.reading import Reader, read_transactions  # noqa: PLC0415
        from portal.tenancy.blocks import serving_consent  # noqa: PLC0415

        account_id = uuid4() if refused else home.account.id
        try:
            with recording_refusals(), serving_consent(home.bank_id, consent.id):
                header = checkpoint_header()
                reader = Reader(Recipient("client", client.pk), timezone.now())
                read = read_transactions(reader, account_id, before=None, limit=ROWS)
            self.ids.append(str(read.disclosure_id))
            self.held |= {header} - {""}
        except NotShared as problem:
            self.ids.append(problem.headers["Disclosure-Id"])

    def watch(self, until: float) -> None:
        from django.db import connections  # noqa: PLC0415  # needs the settings

        while time.monotonic() < until:
            with connections["system"].cursor() as cursor:
                cursor.execute(_OLDEST)
                (age,) = cursor.fetchone()
            self.ages.append(float(age or 0))
            time.sleep(0.1)
        connections.close_all()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.consent.crowd")
    parser.add_argument("--callers", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60)
    options = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="portal-benchmark-")))
        running = stack.enter_context(servers(folder / "servers", durable=True))
        say("starting servers and filling a bank ...")
        prepare(running)
        bank = import_module("tests.factories.partners").make_bank()
        crowd = Crowd(bank.id, [filled_home(bank) for _ in range(_HOMES)])
        for number in range(2):
            stack.enter_context(sealing(folder / f"sealer-{number}.log"))
        say(f"{options.callers} callers for {options.seconds:g} s ...")
        _let_loose(crowd, options.callers, options.seconds)
        _await_quiet(crowd)
        return _judged(crowd, folder)


def _let_loose(crowd: Crowd, callers: int, seconds: float) -> None:
    until = time.monotonic() + seconds
    threads = [
        threading.Thread(target=crowd.call, args=(number, until)) for number in range(callers)
    ]
    threads.append(threading.Thread(target=crowd.watch, args=(until,)))
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def _await_quiet(crowd: Crowd) -> None:
    from accounts.disclosure.models import Unsealed  # noqa: PLC0415  # needs the settings
    from portal.tenancy.blocks import serving  # noqa: PLC0415

    until = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < until:
        with serving(crowd.bank_id):
            if not Unsealed.objects.filter(kind="disclosure").exists():
                return
        time.sleep(0.2)


def _judged(crowd: Crowd, folder: Path) -> int:
    from django.utils import timezone  # noqa: PLC0415  # needs the settings

    from accounts.disclosure.exporting import bank_lines, in_lines, keys_body  # noqa: PLC0415
    from portal.tenancy.blocks import serving  # noqa: PLC0415

    with serving(crowd.bank_id):
        (folder / "keys.json").write_text(json.dumps(keys_body(crowd.bank_id)))
    with (folder / "export.jsonl").open("wb") as out:
        out.writelines(in_lines(bank_lines(crowd.bank_id, at=timezone.now())))
    lines = [f"Portal-Checkpoint: {each}" for each in sorted(crowd.held)]
    lines += [f"Disclosure-Id: {each}" for each in sorted(set(crowd.ids))]
    (folder / "held.txt").write_text("\n".join(lines))
    began = time.monotonic()
    checked = subprocess.run(  # our own
        [
            *(sys.executable, "-I", str(ROOT / "accounts/disclosure/verify.py")),
            *("export.jsonl", "--keys", "keys.json", "--witness", "held.txt"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    taken = time.monotonic() - began
    ages = sorted(crowd.ages) or [0.0]
    with suppress(IndexError):
        say(checked.stderr.splitlines()[-1])
    sys.stdout.write(
        f"{checked.stdout}"
        f"{len(crowd.ids)} answers ({crowd.failures.total()} failed) under {len(set(crowd.ids))} records,"
        f" {len(crowd.held)} checkpoints held; checked in {taken:.1f} s.\n"
        f"Oldest unsealed: {ages[len(ages) // 2]:.2f} s half the time,"
        f" {ages[len(ages) * 99 // 100]:.2f} s in all but one of a hundred looks, {ages[-1]:.2f} s at most.\n"
    )
    for reason, times in crowd.failures.most_common(5):
        sys.stdout.write(f"Failed {times} times: {reason[:200]}\n")
    return 1 if checked.returncode or crowd.failures else 0


if __name__ == "__main__":
    sys.exit(main())
