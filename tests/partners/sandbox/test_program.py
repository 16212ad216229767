"""The program itself: it starts, says what is wrong, keeps quiet about people, and stops cleanly."""

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.partners.sandbox.live import REPOSITORY, running

COULD_NOT_START = 3


def _run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "partners.sandbox", *arguments],
        env={"PATH": os.environ["PATH"], **environ},
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_lists_the_environment() -> None:
    told = _run("--help")

    assert told.returncode == 0
    assert "SANDBOX_DATABASE_URL" in told.stdout


def test_wrong_settings_are_one_line_and_exit_2() -> None:
    told = _run(SANDBOX_SLUG="nowhere")

    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert "SANDBOX_PORT" in told.stderr


@pytest.mark.slow
def test_a_database_that_never_comes_ends_the_program() -> None:
    told = _run(
        SANDBOX_SLUG="aurelia",
        SANDBOX_PORT="8101",
        SANDBOX_DATABASE_URL="postgresql://nobody@127.0.0.1:9/nothing",
        SANDBOX_DATABASE_WAIT_SECONDS="1",
    )

    assert told.returncode == COULD_NOT_START
    assert "the database does not answer" in told.stdout


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_stops_cleanly_and_comes_back_warm(
    environ: dict[str, str], free_port: int, number: int
) -> None:
    told = {**environ, "SANDBOX_PORT": str(free_port)}
    async with running(told) as program:
        await program.visitor.buy(amount="5.00")
        ledger = await program.visitor.ledger()
        assert program.end(number) == 0

    begun = time.monotonic()
    async with running(told) as program:
        warm = time.monotonic() - begun
        again = await program.visitor.ledger()

    assert again == ledger
    assert warm < 10


@pytest.mark.slow
async def test_a_kill_loses_nothing_that_was_answered(
    environ: dict[str, str], free_port: int
) -> None:
    told = {**environ, "SANDBOX_PORT": str(free_port)}
    async with running(told) as program:
        bought = [await program.visitor.buy(amount="5.00") for _ in range(5)]
        program.end(signal.SIGKILL)

    async with running(told) as program:
        kept = (await program.visitor.ledger())["transactions"]

    assert [one["TransactionId"] for one in kept] == [one["TransactionId"] for one in bought]


@pytest.mark.slow
async def test_the_log_names_nobody(environ: dict[str, str], free_port: int) -> None:
    async with running({**environ, "SANDBOX_PORT": str(free_port)}) as program:
        visitor = program.visitor
        person = await visitor.first()
        tokens = await visitor.tokens()
        form = {"login": person["login"], "password": person["password"]}
        await visitor.http.post("/sign-in", data=form)
        await visitor.buy(amount="5.00", merchant="A Named Shop")
        await visitor.http.get(f"/phone?customer={person['login']}")
        program.end()
        log = program.process.stdout.read().decode() if program.process.stdout else ""

    private = [
        person["login"],
        person["password"],
        person["name"],
        person["accounts"][0]["AccountId"],
        tokens["access_token"],
        tokens["ConsentId"],
        "A Named Shop",
    ]
    assert "route=/phone status=200" in log
    assert [word for word in private if word in log] == []


@pytest.mark.slow
async def test_another_seed_is_refused_in_words(environ: dict[str, str], free_port: int) -> None:
    told = {**environ, "SANDBOX_PORT": str(free_port)}
    async with running(told) as program:
        program.end()

    refused = _run(**{**told, "SANDBOX_SEED": "8"})

    assert refused.returncode == COULD_NOT_START
    assert "founded with seed/customers 7/4" in refused.stdout
