"""The judge judged: one real run, then what its receivers got is spoiled in each way, and each must be found."""

import asyncio
import json
import sys
from dataclasses import replace

from benchmarks.main_job.judge import judge
from benchmarks.main_job.options import Options
from benchmarks.main_job.run import main_job
from benchmarks.main_job.tampering import TAMPERINGS, tampered

ROWS, CUSTOMERS = 120, 4


def self_test(options: Options) -> int:
    """One JSON line: what each spoiling was called; 0 where all is as it must be."""
    small = replace(
        options, rows=options.rows or ROWS, customers=min(options.customers, CUSTOMERS)
    )
    report = asyncio.run(main_job(small))
    found: dict[str, dict[str, int]] = {}
    is_right = report.is_as_expected
    for how, (_spoil, fault) in TAMPERINGS.items():
        faults = judge(tampered(report.seen, how, seed=options.seed)).faults
        found[how] = {name: number for name, number in faults.items() if number}
        main = {name: number for name, number in found[how].items() if name != "wrong_thread"}
        is_right = is_right and main == {fault: 1}
    said = {"self_test": is_right, "untouched": report.is_as_expected, "found": found}
    sys.stdout.write(json.dumps(said) + "\n")
    return 0 if is_right else 1
