"""`make attack MINUTES=5 SEED=1`: every operation of the OpenAPI files with made-up requests, against a real portal.

Starts a portal of its own, and attacks it as a customer in the chat, as a program within a consent, and as
one whose consent has ended: that long each. Exit 1 for a 5xx, an undocumented status or content type, a
broken schema, a 2xx without a right to it, and where it got into too little to judge.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.attacks.principals import Principal, customer, learn_deliveries, outsider, program
from tests.attacks.report import faults, findings, table
from tests.attacks.run import attack, described
from tests.journeys.stack import ROOT, Stack, running_stack

# No longer than tokens hold.
LONGEST_SECONDS = 300
# So often the usual that nobody is ever answered 429.
LIMIT_FACTOR = "100000"
_HTTP = frozenset({"get", "post", "put", "patch", "delete"})


def main() -> int:
    seconds = round(float(os.environ.get("MINUTES") or 5) * 60)
    seed = int(os.environ.get("SEED") or time.time())
    with tempfile.TemporaryDirectory(prefix="portal-attack-", ignore_cleanup_errors=True) as state:
        say(f"Starting a portal to attack; SEED={seed}")
        with running_stack(Path(state), PORTAL_LIMIT_FACTOR=LIMIT_FACTOR) as stack:
            seeded = _seed(stack)
            failed = [
                principal.name
                for length in _lengths(seconds)
                for principal in _principals(stack, seeded)
                if not _passes(stack, principal, seconds=length, seed=seed)
            ]
    say(f"Not clean: {', '.join(failed)} (SEED={seed})" if failed else "Clean.")
    return 1 if failed else 0


def _lengths(seconds: int) -> Iterator[int]:
    while seconds > 0:
        yield min(seconds, LONGEST_SECONDS)
        seconds -= LONGEST_SECONDS


def _seed(stack: Stack) -> dict[str, Any]:
    environ = {
        **os.environ,
        "PORTAL_STATE": str(stack.state),
        "PORTAL_PORT": str(stack.port),
        "SANDBOX_PORT": str(stack.first_bank_port),
    }
    command = [sys.executable, "-m", "tests.attacks.seed"]
    made = subprocess.run(
        command, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=True
    )
    seeded: dict[str, Any] = json.loads(made.stdout)
    return seeded


def _principals(stack: Stack, seeded: dict[str, Any]) -> list[Principal]:
    # The program first: it is to be told of what the customer then buys.
    let_in = program(stack, seeded)
    bought = customer(stack, seeded)
    learn_deliveries(let_in, stack)
    shut = _within_consent(described(stack, "api"))
    return [bought, let_in, outsider(stack, seeded, let_in, within_consent=shut)]


def _passes(stack: Stack, principal: Principal, *, seconds: int, seed: int) -> bool:
    principal.renew(stack)
    found = attack(stack, principal, seconds=seconds, seed=seed)
    wrong = faults(principal, found, frozenset(_operations(described(stack, principal.host))))
    requests = sum(sum(each.values()) for each in found.tally.values())
    say(f"\nAs {principal.name}, {seconds} s: {requests} requests (2xx, 3xx, 4xx)\n{table(found)}")
    if wrong:
        say("\n".join(f"  WRONG: {each}" for each in wrong))
    if not found.passed:
        say(findings(found))
    return not wrong


def _operations(file: dict[str, Any]) -> dict[str, Any]:
    return {
        f"{method.upper()} {path}": said
        for path, methods in file["paths"].items()
        for method, said in methods.items()
        if method in _HTTP
    }


def _within_consent(file: dict[str, Any]) -> set[str]:
    """What reads a customer's data; the consent itself may be read when it has ended."""
    return {
        name
        for name, said in _operations(file).items()
        if any(each["name"] == "Portal-Consent" for each in said.get("parameters", ()))
        and said["operationId"] != "get_consent"
    }


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
