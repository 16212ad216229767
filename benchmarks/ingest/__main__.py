"""`python -m benchmarks.ingest`: rows a second into a ledger that holds millions, ours against three other ways.

New rows, the same again, and a tenth told anew, in pages of ten thousand, each page a transaction that waits for the disk. (a) is the
limit, COPY into the same indexed table and nothing else; (b) `bulk_create(update_conflicts=True)`; (c) `update_or_create` for each row.
The ways take turns; compare ratios of one run alone. What was written is deleted again. One JSON line a measurement, then tables.
"""

import argparse
import gc
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle
from pathlib import Path
from typing import Any

import orjson
import psycopg

from benchmarks.consent.world import prepare, say
from benchmarks.ingest import ways
from benchmarks.ingest.world import Target, fill, make_banks, make_target, records, told_anew
from partners.connectors.base import TransactionRecord
from portal.local.testing import servers

MILLION = 1_000_000
EVERY = 10
CASES = ("new", "same", "tenth")
# The goals: new rows of (a) and of (b), the same rows of (b), WAL of an unchanged row, the largest ledger of the smallest.
OF_COPY, OF_BULK_NEW, OF_BULK_SAME, WAL_SAME, LARGEST = 0.5, 5.0, 8.0, 10.0, 0.8


@dataclass(frozen=True)
class Measured:
    """One way, one case: rows a second, and bytes of WAL a row."""

    held: int
    way: str
    case: str
    rows: int
    rows_per_s: float
    wal_bytes_a_row: float


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ingest")
    parser.add_argument("--millions", default="1,5,10", help="how much the ledger holds already")
    parser.add_argument("--rows", type=int, default=20_000, help="of (c) a tenth")
    parser.add_argument("--repetitions", type=int, default=3)
    options = parser.parse_args()
    found: list[Measured] = []
    with (
        tempfile.TemporaryDirectory(prefix="portal-benchmark-") as name,
        servers(Path(name) / "servers", durable=True) as running,
    ):
        say("starting servers and opening fifty banks ...")
        prepare(running)
        banks = make_banks()
        held = 0
        for millions in map(float, options.millions.split(",")):
            total = int(millions * MILLION)
            say(f"filling the ledger up to {total:,} rows ...")
            fill(running.superuser_url, before=held, total=total)
            held = total
            bench = _Bench(running.superuser_url, cycle(banks), held, options.rows)
            for number in range(options.repetitions):
                say(f"{held:,} rows, repetition {number + 1} of {options.repetitions} ...")
                found += _told(bench.repetition(seed=number))
    sys.stdout.write(table(found))
    return 0


def _told(measured: Iterator[Measured]) -> Iterator[Measured]:
    for each in measured:
        sys.stdout.write(orjson.dumps(asdict(each)).decode() + "\n")
        sys.stdout.flush()
        yield each


class _Bench:
    def __init__(self, superuser_url: str, banks: Iterator[Any], held: int, rows: int) -> None:
        self.superuser_url = superuser_url
        self.banks = banks
        self.held = held
        self.rows = rows

    def repetition(self, *, seed: int) -> Iterator[Measured]:
        all_rows = records(self.rows, seed=seed)
        few = all_rows[: max(5 * ways.BATCH, self.rows // 10)]
        yield from self._cases("portal", ways.portal, all_rows, CASES)
        yield from self._cases("(a) COPY", ways.copied(self.superuser_url), all_rows, ("new",))
        yield from self._cases("(b) bulk_create", ways.bulk_created, all_rows, CASES)
        yield from self._cases("(c) update_or_create", ways.one_by_one, few, CASES)

    def _cases(
        self, name: str, way: ways.Way, rows: Sequence[TransactionRecord], cases: Sequence[str]
    ) -> Iterator[Measured]:
        target = make_target(next(self.banks))
        try:
            for case in cases:
                told = told_anew(rows, every=EVERY) if case == "tenth" else rows
                yield self._measured(name, case, way, target, told)
        finally:
            self._delete(target)

    def _measured(
        self,
        name: str,
        case: str,
        way: ways.Way,
        target: Target,
        rows: Sequence[TransactionRecord],
    ) -> Measured:
        with psycopg.connect(self.superuser_url, autocommit=True) as judge:
            judge.execute("CHECKPOINT")
            run = way(target, rows)
            before = _wal(judge)
            gc.collect()
            # As a worker does once it is up.
            gc.freeze()
            began = time.perf_counter()
            run()
            spent = time.perf_counter() - began
            written = _wal(judge) - before
            if _count(judge, target) != len(rows):
                raise RuntimeError(f"{name} did not keep every row once")
        return Measured(
            self.held,
            name,
            case,
            len(rows),
            round(len(rows) / spent),
            round(written / len(rows), 1),
        )

    def _delete(self, target: Target) -> None:
        with psycopg.connect(self.superuser_url, autocommit=True) as judge:
            judge.execute("DELETE FROM partners_entry WHERE account_id = %s", [target.account_id])


def _wal(judge: psycopg.Connection[Any]) -> int:
    row = judge.execute("SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')").fetchone()
    return int(row[0]) if row else 0


def _count(judge: psycopg.Connection[Any], target: Target) -> int:
    counting = "SELECT count(*) FROM partners_entry WHERE bank_id = %s AND account_id = %s"
    row = judge.execute(counting, [target.bank_id, target.account_id]).fetchone()
    return int(row[0]) if row else 0


def table(found: Sequence[Measured]) -> str:
    """Medians of the repetitions, as ratios to (a) and (b) of the same size, and what was aimed at."""
    lines = ["", "held        case   way                     rows/s   of (a)   of (b)   WAL a row"]
    sizes = sorted({each.held for each in found})
    for held in sizes:
        for case in CASES:
            for name in dict.fromkeys(each.way for each in found):
                rate = _median(found, held, name, case)
                if rate is None:
                    continue
                to_copy = _over(rate, _median(found, held, "(a) COPY", "new"))
                to_bulk = _over(rate, _median(found, held, "(b) bulk_create", case))
                wal = _median(found, held, name, case, of="wal_bytes_a_row")
                lines.append(
                    f"{held:<12,}{case:<7}{name:<22}{rate:>8.0f}{to_copy:>9}{to_bulk:>9}{wal:>12.0f}"
                )
    smallest, largest = (_median(found, each, "portal", "new") for each in (sizes[0], sizes[-1]))
    lines += [
        f"New rows of the largest ledger: {_over(largest or 0, smallest)} of the smallest.",
        f"Goals: new at least {OF_COPY} of (a) and {OF_BULK_NEW:g} times (b); same {OF_BULK_SAME:g} times (b) and at"
        f" most {WAL_SAME:g} bytes of WAL a row; {LARGEST} of the smallest ledger.",
    ]
    return "\n".join(lines) + "\n"


def _median(
    found: Sequence[Measured], held: int, way: str, case: str, *, of: str = "rows_per_s"
) -> float | None:
    mine = [
        float(getattr(each, of))
        for each in found
        if (each.held, each.way, each.case) == (held, way, case)
    ]
    return statistics.median(mine) if mine else None


def _over(mine: float, theirs: float | None) -> str:
    return f"{mine / theirs:.2f}" if theirs else "-"


if __name__ == "__main__":
    sys.exit(main())
