"""Everybody comes in: signs in, links, waits until all history is read, and opens a socket."""

import asyncio
import os
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.main_job.customer import Customer, make_customer
from benchmarks.main_job.network import browser
from benchmarks.main_job.program import Program
from benchmarks.main_job.work import Job, say
from tests.journeys.stack import ROOT

# The first customer of this bank is linked by the demonstration, which lets a program read their data.
PROGRAMS_BANK = "aurelia"
_AT_ONCE = 6
_READ_PATIENCE = 600.0
_FOLLOW_PATIENCE = 60.0


def wanted_alerts(position: int) -> list[str] | None:
    """What a customer ticks: most take every alert, some leave out a few, some take none."""
    some: dict[int, list[str]] = {
        3: ["large_payment", "low_balance", "foreign", "refund", "salary"],
        4: ["fraud_suspected", "refund"],
        5: [],
    }
    return some.get(position % 6)


async def link_everybody(job: Job) -> None:
    """Through the real doors, a few at once."""
    for place, bank in enumerate(job.banks.values()):
        share = job.options.customers // len(job.banks)
        share += place < job.options.customers % len(job.banks)
        people = (await bank.customers())[:share]
        job.customers += [
            make_customer(bank, each, chat=job.chat, loopback=job.loopback) for each in people
        ]
    gate = asyncio.Semaphore(_AT_ONCE)

    async def link(customer: Customer, position: int) -> None:
        async with gate:
            await customer.sign_in()
            await customer.link(wanted_alerts(position))

    began = time.monotonic()
    positions = _positions(job.customers)
    await asyncio.gather(*(link(each, positions[each.name]) for each in job.customers))
    say(f"{len(job.customers)} customers linked ({time.monotonic() - began:.0f} s)")
    await _learn(job)


def _positions(customers: Sequence[Customer]) -> dict[str, int]:
    met: dict[str, int] = {}
    positions = {}
    for each in customers:
        positions[each.name] = met.get(each.bank.slug, 0)
        met[each.bank.slug] = positions[each.name] + 1
    return positions


async def _learn(job: Job) -> None:
    """Wait until the portal has read everything once; from here on there is only news."""
    for bank in job.banks.values():
        at_bank = {each["login"]: each["accounts"] for each in await bank.customers()}
        for each in job.customers:
            if each.bank is bank:
                await each.learn_accounts(at_bank[each.login])
    began = time.monotonic()
    waiting = list(job.customers)
    while waiting:
        waiting = [each for each in waiting if not await each.is_read()]
        if time.monotonic() - began > _READ_PATIENCE:
            raise TimeoutError(f"{len(waiting)} customers' accounts have not been read")
        await asyncio.sleep(0.5)
    say(f"all history read ({time.monotonic() - began:.0f} s)")
    await _let_program_in(job)


async def _let_program_in(job: Job) -> None:
    """The demonstration, seeded again, lets its program read the accounts that were linked since."""
    stack = job.stack
    told = {"PORTAL_STATE": str(stack.state), "PORTAL_DEMO_REVIEW": "no"}
    seeding = await asyncio.create_subprocess_exec(
        sys.executable,
        "manage.py",
        "seed_demo",
        cwd=ROOT,
        env=os.environ | told,
        stdout=sys.stderr,
    )
    if await seeding.wait():
        raise RuntimeError("the demonstration could not be seeded again")
    demo: Mapping[str, Any] = stack.demo
    owner = next(each for each in job.customers if each.bank.slug == PROGRAMS_BANK)
    client = browser(job.loopback)
    program = Program(demo["curl"], api=stack.origin("api"), client=client, post=job.post)
    await program.learn_accounts(owner.accounts)
    await program.listen()
    job.programs.append((program, owner.name))


async def follow(job: Job) -> None:
    """One socket each, and the first copy of everybody's transactions."""
    for each in job.customers:
        each.listener.start()
    for each in job.customers:
        async with asyncio.timeout(_FOLLOW_PATIENCE):
            await each.listener.is_following.wait()
    await asyncio.gather(*(each.copy_on() for each in job.customers))
    await copy_on(job)
    say(f"{len(job.customers)} sockets follow")


async def copy_on(job: Job) -> None:
    """The programs take what changed."""
    for program, _owner in job.programs:
        await program.copy_on()
