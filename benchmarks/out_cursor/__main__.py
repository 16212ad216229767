"""`python -m benchmarks.out_cursor`: many writers and readers of one customer's accounts, for as long as you say.

What `tests/partners/sharing/test_out_cursor.py` shows in a second: writers that hold commits open, let them go out of order and roll some
back; readers of `transactions/sync` at a real server, in pages of one row and more, that believe every word. It ends at the first
word that is not so; else each reader has exactly what the ledger holds. `--seed` chooses what the writers do.
"""

import argparse
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import httpx

from benchmarks.consent.world import prepare, say
from benchmarks.processes import free_port, running
from portal.local.testing import servers

ACCOUNTS = 4


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.out_cursor")
    parser.add_argument("--minutes", type=float, default=1)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--writers", type=int, default=8)
    parser.add_argument("--readers", type=int, default=4)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="portal-benchmark-") as name,
        servers(Path(name) / "servers") as running_servers,
    ):
        say("starting servers ...")
        os.environ["PORTAL_DATABASE_POOL"] = str(options.writers + options.readers + 4)
        prepare(running_servers)
        port = free_port()
        web = [
            *(sys.executable, "-m", "uvicorn", "portal.asgi:application", "--host", "127.0.0.1"),
            *("--port", str(port), "--no-access-log", "--log-level", "warning"),
        ]
        with running(web, log=Path(name) / "web.log", port=port, environ=os.environ):
            sys.stdout.write(_played(options, port))
    return 0


def _played(options: argparse.Namespace, port: int) -> str:
    hands, readers = _world(options.readers, port)
    ends = time.monotonic() + options.minutes * 60

    def write(number: int) -> int:
        chance = random.Random(options.seed * 1_000 + number)  # noqa: S311  # keeps no secret
        done = 0
        while time.monotonic() < ends:
            hands.write(chance)
            done += 1
        return done

    def read(reader: Any) -> int:
        walks = 0
        with hands.while_reading():
            while time.monotonic() < ends:
                reader.walk()
                walks += 1
        return walks

    with ThreadPoolExecutor(options.writers + options.readers) as pool:
        writing = [pool.submit(write, number) for number in range(options.writers)]
        reading = [pool.submit(read, each) for each in readers]
        transactions = sum(each.result() for each in writing)
        walks = sum(each.result() for each in reading)
    truth = hands.truth()
    for reader in readers:
        reader.walk()
        assert reader.held == truth, "a reader has something else than the ledger"
    return (
        f"{transactions:,} transactions, {len(truth):,} rows; {hands.reads:,} pages in {walks:,} walks: "
        "nothing skipped, nothing twice.\n"
    )


def _world(readers: int, port: int) -> tuple[Any, list[Any]]:
    made: Any = import_module("tests.factories.accounts")
    partners: Any = import_module("tests.factories.partners")
    many: Any = import_module("tests.partners.sharing.many_hands")
    home = made.make_household()
    accounts = [partners.make_account(home.bank) for _ in range(ACCOUNTS)]
    for each in accounts:
        made.make_link(home.customer, each)
    hands = many.Hands(home.bank_id, sorted(each.id for each in accounts))
    return hands, [_reader(home, accounts, hands, limit, port) for limit in range(1, readers + 1)]


def _reader(home: Any, accounts: list[Any], hands: Any, limit: int, port: int) -> Any:
    """A program of its own, with a consent of its own."""
    from django.conf import settings  # noqa: PLC0415  # needs the settings

    from accounts.consent.references import consent_reference  # noqa: PLC0415

    made: Any = import_module("tests.factories.accounts")
    many: Any = import_module("tests.partners.sharing.many_hands")
    api: Any = import_module("tests.partners.sharing.test_api")
    client = made.make_client()
    consent = made.make_consent(home.customer, accounts, client=client)
    reference = consent_reference(home.bank_id, consent.id)
    http = httpx.Client(timeout=30, trust_env=False)

    def headers() -> dict[str, str]:
        # A token lasts ten minutes.
        with suppress(IndexError):
            if held[-1][1] > time.monotonic():
                return held[-1][0]
        program = api.Program(client, reference)
        named = {"Authorization": f"Bearer {program.token}", "Portal-Consent": reference}
        held.append(({"Host": f"api.{settings.PORTAL_BASE_HOST}"} | named, time.monotonic() + 300))
        return held[-1][0]

    held: list[tuple[dict[str, str], float]] = []

    def read(path: str) -> dict[str, Any]:
        answer = http.get(f"http://127.0.0.1:{port}/api/v1/{path}", headers=headers())
        answer.raise_for_status()
        body: dict[str, Any] = answer.json()
        return body

    return many.Reader(read, hands, limit)


if __name__ == "__main__":
    sys.exit(main())
