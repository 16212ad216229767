"""`make main-job`: one JSON line on stdout, progress on stderr, exit 1 unless all is as expected."""

import argparse
import asyncio
import json
import os
import signal
import sys
from types import FrameType

from benchmarks.main_job.hanging import beside_one_that_hangs
from benchmarks.main_job.options import OptionsRefused, read_options
from benchmarks.main_job.rows import FileRefused
from benchmarks.main_job.run import main_job
from benchmarks.main_job.self_test import self_test

_WRONG_OPTIONS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.main_job", description=__doc__)
    parser.add_argument(
        "--self-test", action="store_true", help="see the judge fail when cards are tampered with"
    )
    given = parser.parse_args()
    # What is told to end stops what it started, as after Ctrl-C; what is killed is watched.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    try:
        options = read_options(os.environ)
        if given.self_test or os.environ.get("SELF_TEST"):
            return self_test(options)
        if options.hanging:
            return beside_one_that_hangs(options)
        report = asyncio.run(main_job(options))
    except (OptionsRefused, FileRefused) as problem:
        sys.stderr.write(f"{problem}\n")
        return _WRONG_OPTIONS
    sys.stdout.write(json.dumps(report.line()) + "\n")
    return 0 if report.is_as_expected else 1


def _end(number: int, _frame: FrameType | None) -> None:
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main())
