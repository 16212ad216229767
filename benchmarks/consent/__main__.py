"""`python -m benchmarks.consent`: what the gate and the record cost on the hot page of 100 transactions.

The same page in turns three ways: `portal`, through the gate and written down; `read`, with neither; and
`insert`, with neither but one plain insert into a table without triggers, in the reading's transaction.
Measured twice: the unit of work alone (one transaction, its reads, the shapes), and the whole door (the
request with its token, through every middleware, to the bytes). Commits wait for the disk, and the sealer runs.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

from benchmarks.consent.world import ROWS, filled_home, prepare, say, sealing
from portal.local.testing import servers

WAYS = ("read", "insert", "portal")
_LASTING = timedelta(hours=2)
_PLAIN = "INSERT INTO benchmark_plain (id, bank_id, at, what) VALUES (%s, %s, %s, %s)"
# Below `insert`, in requests a second.
GOAL = 0.15

Call = Callable[[], Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.consent")
    parser.add_argument("--seconds", type=float, default=2, help="of each way, in each repetition")
    parser.add_argument("--repetitions", type=int, default=7)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory(prefix="portal-benchmark-") as name,
        servers(Path(name) / "servers", durable=True) as running,
    ):
        say("starting servers and filling a bank ...")
        prepare(running)
        with sealing(Path(name) / "sealer.log"):
            levels = {"unit of work": _unit(), "whole door": _door()}
            found = {
                level: _measured(calls, options.repetitions, options.seconds)
                for level, calls in levels.items()
            }
    sys.stdout.write(_table(found))
    return 0


def _unit() -> dict[str, Call]:
    """Within a program's consent: a block, the gate or none, the read, the record or none, the shapes."""
    from django.utils import timezone  # noqa: PLC0415  # needs the settings

    from partners.sharing.gate import Recipient  # noqa: PLC0415
    from partners.sharing.reading import Reader, read_transactions  # noqa: PLC0415
    from portal.tenancy.blocks import serving_consent  # noqa: PLC0415

    home, consent, client = filled_home()
    recipient = Recipient("client", client.pk)

    def page() -> None:
        with serving_consent(home.bank_id, consent.id):
            reader = Reader(recipient, timezone.now())
            read_transactions(reader, home.account.id, before=None, limit=ROWS)

    return _each_way(home, page)


def _door() -> dict[str, Call]:
    """A request with a bearer token, and its answer."""
    from django.conf import settings  # noqa: PLC0415  # needs the settings
    from django.test import Client as Browser  # noqa: PLC0415
    from django.utils import timezone  # noqa: PLC0415

    from accounts.clients.models import AccessToken  # noqa: PLC0415
    from accounts.consent.references import consent_reference  # noqa: PLC0415

    settings.ALLOWED_HOSTS = ["*"]
    home, consent, client = filled_home()
    token = AccessToken(
        application=client, scope="transactions", expires=timezone.now() + _LASTING
    )
    token.token = uuid4().hex
    token.save()
    headers = {
        "Host": f"api.{settings.PORTAL_BASE_HOST}",
        "Authorization": f"Bearer {token.token}",
        "Portal-Consent": consent_reference(home.bank_id, consent.id),
    }
    path = f"/api/v1/accounts/{home.account.id}/transactions"
    browser = Browser()

    def page() -> None:
        answered = browser.get(path, headers=headers)
        if answered.status_code != 200 or len(answered.json()["transactions"]) != ROWS:  # HTTP's
            raise RuntimeError(answered.content)

    return _each_way(home, page)


def _each_way(home: Any, page: Call) -> dict[str, Call]:
    """The page as it is; and with what the gate once said, and nothing or one plain insert for the record."""
    reading: Any = import_module("partners.sharing.reading")
    ours = (reading.authorize, reading.disclosed)
    said: list[Any] = []

    def remember(ask: Any) -> Any:
        said[:] = [ours[0](ask)]
        return said[0]

    reading.authorize = remember
    page()
    reading.authorize = ours[0]

    def as_said(ask: Any) -> Any:
        return replace(said[0], ask=ask)

    records = {
        "portal": ours,
        "read": (as_said, lambda _allowed, _counts: uuid4()),
        "insert": (as_said, lambda _allowed, _counts: _plain_insert(home.bank_id)),
    }

    def call(way: str) -> Call:
        def run() -> None:
            reading.authorize, reading.disclosed = records[way]
            try:
                page()
            finally:
                reading.authorize, reading.disclosed = ours

        return run

    return {way: call(way) for way in WAYS}


def _plain_insert(bank_id: Any) -> Any:
    from django.db import connection  # noqa: PLC0415  # needs the settings
    from django.utils import timezone  # noqa: PLC0415

    row_id = uuid4()
    with connection.cursor() as cursor:
        cursor.execute(_PLAIN, [row_id, bank_id, timezone.now(), '{"door": "rest", "rows": 100}'])
    return row_id


def _measured(calls: dict[str, Call], repetitions: int, seconds: float) -> dict[str, list[float]]:
    """Of each way its pages a second, repetition by repetition, the ways taking turns page by page."""
    rates: dict[str, list[float]] = {way: [] for way in WAYS}
    for call in calls.values():
        for _ in range(20):
            call()
    for number in range(repetitions):
        say(f"repetition {number + 1} of {repetitions} ...")
        spent = dict.fromkeys(WAYS, 0.0)
        pages = 0
        until = time.monotonic() + seconds * len(WAYS)
        while time.monotonic() < until:
            for way in WAYS:
                began = time.perf_counter()
                calls[way]()
                spent[way] += time.perf_counter() - began
            pages += 1
        for way in WAYS:
            rates[way].append(pages / spent[way])
    return rates


def _table(found: dict[str, dict[str, list[float]]]) -> str:
    lines = ["", "level         way      pages/s   of (a) read   of (b) insert"]
    for level, rates in found.items():
        middle = {way: statistics.median(each) for way, each in rates.items()}
        for way in WAYS:
            to_read, to_insert = (_ratio(rates, way, to) for to in ("read", "insert"))
            lines.append(
                f"{level:<14}{way:<8}{middle[way]:>8.0f}{to_read:>13.2f}{to_insert:>15.2f}"
            )
    lines.append(f"The goal is {1 - GOAL:.2f} of (b).")
    return "\n".join(lines) + "\n"


def _ratio(rates: dict[str, list[float]], way: str, to: str) -> float:
    """Of the same repetition, since a machine is not alike from one to the next."""
    pairs = zip(rates[way], rates[to], strict=True)
    return statistics.median(mine / theirs for mine, theirs in pairs)


if __name__ == "__main__":
    sys.exit(main())
