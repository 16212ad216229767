"""What a bank that hangs costs another: the same run with it and without, and the other's latencies as a ratio."""

import asyncio
import json
import sys
from dataclasses import replace

from benchmarks.main_job.options import BANKS, Options
from benchmarks.main_job.report import Report
from benchmarks.main_job.run import main_job
from benchmarks.main_job.verdict import percentile

# A bank that hangs delays no other bank by more than this.
MOST = 1.10
_SHARES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}


def beside_one_that_hangs(options: Options) -> int:
    """One JSON line; 0 where both runs are as expected and the other's median is not over `MOST` times."""
    (other,) = (slug for slug in BANKS if slug != options.hanging)
    without = asyncio.run(main_job(replace(options, hanging="")))
    beside = asyncio.run(main_job(options))
    alone, delayed = _latencies(without, other), _latencies(beside, other)
    ratios = {name: round(delayed[name] / alone[name], 2) for name in _SHARES}
    as_expected = without.is_as_expected and beside.is_as_expected
    said = {
        "hangs": options.hanging,
        "other": other,
        "cards": [len(each.job.verdict.by_bank.get(other, ())) for each in (without, beside)],
        "alone_ms": alone,
        "beside_ms": delayed,
        "ratio": ratios,
        "as_expected": as_expected,
    }
    sys.stdout.write(json.dumps(said) + "\n")
    return 0 if as_expected and ratios["p50"] <= MOST else 1


def _latencies(report: Report, slug: str) -> dict[str, float]:
    """In milliseconds, at least one: what came sooner was as fast."""
    seconds = report.job.verdict.by_bank.get(slug, [])
    return {
        name: max(1.0, round(percentile(seconds, share) * 1000)) for name, share in _SHARES.items()
    }
