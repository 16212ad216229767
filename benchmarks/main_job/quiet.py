"""Waiting until it is quiet: everything is as expected and stays so, or nothing new has come for long."""

import asyncio
import json
import time

from benchmarks.main_job.customer import Customer
from benchmarks.main_job.judge import judge
from benchmarks.main_job.records import CustomerView, Seen
from benchmarks.main_job.work import Job, say

# As expected for so long: a second card about something would have come by then.
STAYS_SECONDS = 10.0
# Unchanged for so long is the end. With trouble: a feed in trouble is left alone for a while, and
# what a bank never told is found by the next sweep.
QUIET_SECONDS, QUIET_AFTER_TROUBLE = 90.0, 300.0
_AT_ONCE = 6
_LOOK_EVERY_SECONDS = 2.0


async def settle(job: Job) -> None:
    """Look, judge, look again."""
    is_troubled = bool(job.options.kill or job.options.faults)
    patience = QUIET_AFTER_TROUBLE if is_troubled else QUIET_SECONDS
    changed, before = time.monotonic(), ""
    clean_since: float | None = None
    while True:
        for bank in job.banks.values():
            await bank.read_ledger()
        job.seen = await see(job)
        job.verdict = judge(job.seen)
        job.not_healed = job.killer.not_healed(job.stack.state / "run")
        now, state = time.monotonic(), _state(job)
        if state != before:
            changed, before = now, state
            say(f"judged: {state}")
        is_done = job.verdict.is_clean and not job.not_healed
        clean_since = (clean_since or now) if is_done else None
        if clean_since is not None and now - clean_since >= STAYS_SECONDS:
            return
        if now - changed > patience:
            return
        await asyncio.sleep(_LOOK_EVERY_SECONDS)


def _state(job: Job) -> str:
    found = {name: number for name, number in job.verdict.faults.items() if number}
    return (
        f"{job.verdict.counts['cards_delivered']} cards, {json.dumps(found) if found else 'clean'}"
    )


async def see(job: Job) -> Seen:
    """Everything that can be seen from outside, now."""
    gate = asyncio.Semaphore(_AT_ONCE)

    async def look(customer: Customer) -> CustomerView:
        async with gate:
            return await customer.view(job.post)

    customers = await asyncio.gather(*(look(each) for each in job.customers))
    programs = [await program.view(owner) for program, owner in job.programs]
    rules = {each.bank.slug: each.rules for each in job.customers}
    banks = {slug: bank.view(rules.get(slug, {})) for slug, bank in job.banks.items()}
    return Seen(banks, customers, programs)
