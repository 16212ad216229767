"""The job itself: start everything, link, listen, play, wait until it is quiet, judge."""

import asyncio
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from benchmarks.main_job.bank import HOMES, Bank
from benchmarks.main_job.judge import judge
from benchmarks.main_job.linking import copy_on, follow, link_everybody
from benchmarks.main_job.network import Loopback, browser
from benchmarks.main_job.options import Options
from benchmarks.main_job.post import Post, post_office
from benchmarks.main_job.quiet import settle
from benchmarks.main_job.report import Report
from benchmarks.main_job.rows import as_csv, deal, read_rows
from benchmarks.main_job.tampering import tampered
from benchmarks.main_job.trouble import Killer, Misbehaviour
from benchmarks.main_job.usage import Usage
from benchmarks.main_job.work import Job, say
from tests.journeys.stack import ROOT, Stack, running_stack

BANKS = tuple(HOMES)
BOOKED_AFTER_SECONDS = 20
# Bought beside the file, whose rows nobody suspects: each is a card and a mail.
SUSPICIOUS = 10
# What the processes wrote in the last run.
LOGS = ROOT / "test-results" / "main-job"
_TELL_EVERY_SECONDS = 10.0
_WORDS_SHOWN = 40


async def main_job(options: Options) -> Report:
    """Run it all once."""
    began = time.monotonic()
    played = read_rows(options.csv, at_most=options.rows)
    for why, number in played.left_out.items():
        say(f"{number} rows left out: {why}")
    files = deal(played.rows, banks=BANKS, customers=options.customers_a_bank)
    texts = {slug: as_csv(rows) for slug, rows in files.items() if rows}
    with post_office() as post, _everything(options, mail_to=post.box.url) as stack:
        say(f"everything runs ({time.monotonic() - began:.0f} s)")
        async with _opened(options, stack, post) as job:
            usage = Usage(stack.state / "run")
            watching = asyncio.create_task(usage.watch())
            await _come_in(job, texts)
            usage.begin()
            await _play(job, texts, seconds=len(played.rows) / options.rate)
            usage.end()
            await settle(job)
            _tell(job)
            watching.cancel()
            return Report(
                options=options,
                rows=len(played.rows),
                left_out=sum(played.left_out.values()),
                job=job,
                usage=usage,
                seconds=time.monotonic() - began,
            )


@contextmanager
def _everything(options: Options, *, mail_to: str) -> Iterator[Stack]:
    """The whole portal in a temporary folder, gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="main-job-") as folder:
        # The servers' user walks through it.
        Path(folder).chmod(0o711)
        state = Path(folder) / "portal"
        told = {
            "SANDBOX_CUSTOMERS": str(options.customers_a_bank),
            "SANDBOX_BOOK_AFTER_SECONDS": str(BOOKED_AFTER_SECONDS),
            "EMAIL_URL": mail_to,
            "PORTAL_DEMO_CONNECTOR": options.dialect.connector,
            # The banks' own ledgers are held against what the portal has: no statement tells of more.
            "PORTAL_DEMO_REVIEW": "no",
        }
        try:
            with running_stack(state, **told) as stack:
                yield stack
        finally:
            _put_away(state)


def _put_away(state: Path) -> None:
    if (state / "log").is_dir():
        shutil.rmtree(LOGS, ignore_errors=True)
        shutil.copytree(state / "log", LOGS)
    reset = [sys.executable, "-m", "portal.local", "reset"]
    environ = {**os.environ, "PORTAL_STATE": str(state)}
    subprocess.run(reset, cwd=ROOT, env=environ, check=False)


@asynccontextmanager
async def _opened(options: Options, stack: Stack, post: Post) -> AsyncIterator[Job]:
    loopback = Loopback()
    client = browser(loopback)
    banks = {
        slug: Bank(slug, stack.bank_origin(slug), client, dialect=options.dialect)
        for slug in BANKS
    }
    job = Job(options, stack, loopback, banks, post)
    try:
        yield job
    finally:
        await asyncio.gather(*(each.listener.stop() for each in job.customers))
        await loopback.close()


async def _come_in(job: Job, texts: Mapping[str, str]) -> None:
    for slug, text in texts.items():
        await job.banks[slug].prepare(text)
    await link_everybody(job)
    await follow(job)


def _tell(job: Job) -> None:
    if job.options.tamper:
        say(f"spoiled on the receiver's side: {job.options.tamper}")
        job.seen = tampered(job.seen, job.options.tamper, seed=job.options.seed)
        job.verdict = judge(job.seen)
    for words in job.verdict.words[:_WORDS_SHOWN]:
        say(words)


async def _play(job: Job, texts: Mapping[str, str], *, seconds: float) -> None:
    """Play the files at all banks at once, with trouble meanwhile, until every purchase is booked."""
    job.killer = Killer(job.options.kill, seed=job.options.seed, seconds=seconds)
    hanging = job.options.hanging
    faults = ("hang",) if hanging else job.options.faults
    at = {slug: bank for slug, bank in job.banks.items() if hanging in {"", slug}}
    job.misbehaviour = Misbehaviour(faults, seed=job.options.seed, seconds=seconds)
    for slug, rate in _rates(job.options.rate, list(texts)).items():
        await job.banks[slug].play(texts[slug], rate=rate)
    killing = asyncio.create_task(job.killer.run(job.stack.state / "run"))
    buying = asyncio.create_task(_buy_suspicious(job, seconds=seconds))
    booked = asyncio.Event()
    misbehaving = asyncio.create_task(job.misbehaviour.run(at, until=booked))
    await _watch(job, list(texts))
    await buying
    await _all_booked(job)
    booked.set()
    await asyncio.gather(killing, misbehaving)


async def _buy_suspicious(job: Job, *, seconds: float) -> None:
    dice = random.Random(f"{job.options.seed}/suspicious")  # noqa: S311  # to be repeatable
    for _ in range(SUSPICIOUS):
        await asyncio.sleep(seconds / SUSPICIOUS)
        customer = dice.choice(job.customers)
        await customer.bank.buy_suspicious(customer.login)


async def _watch(job: Job, slugs: list[str]) -> None:
    """Until every file is played; a program keeps its copy all the while."""
    told = 0.0
    while True:
        plays = [await job.banks[slug].playing() for slug in slugs]
        running = [each for each in plays if each["state"] == "running"]
        if not running or time.monotonic() - told > _TELL_EVERY_SECONDS:
            told = time.monotonic()
            done, rows = (sum(each[name] for each in plays) for name in ("played", "rows"))
            say(f"{done} of {rows} rows played, {job.cards} cards came")
        if not running:
            return
        await copy_on(job)
        await asyncio.sleep(0.5)


async def _all_booked(job: Job) -> None:
    while True:
        for bank in job.banks.values():
            await bank.read_ledger()
        if not any(bank.unsettled() for bank in job.banks.values()):
            return
        await asyncio.sleep(1)


def _rates(rate: int, slugs: list[str]) -> dict[str, int]:
    return {
        slug: rate // len(slugs) + (place < rate % len(slugs)) for place, slug in enumerate(slugs)
    }
