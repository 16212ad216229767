"""One principal's attack: schemathesis in a process of its own, and what it counted."""

import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.attacks.principals import RECEIVERS, Principal, an_hour_ago
from tests.journeys.stack import ROOT, Stack

CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_headers_conformance",
    "response_schema_conformance",
    "negative_data_rejection",
    "missing_required_header",
    "unsupported_method",
    "allow_header_conformance",
    "ignored_auth",
    "use_after_free",
    "ensure_resource_availability",
)
# Past what it was given: it finishes the requests that are under way, and shrinks what it found.
GRACE_SECONDS = 120


@dataclass(frozen=True)
class Attacked:
    """What came of it: schemathesis's own verdict and words, and each operation's answers by status."""

    who: str
    passed: bool
    words: str
    tally: dict[str, Counter[int]]


def attack(stack: Stack, principal: Principal, *, seconds: int, seed: int) -> Attacked:
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        (place / "openapi.json").write_text(json.dumps(described(stack, principal.host)))
        (place / "plan.json").write_text(json.dumps(_plan(principal, place, seed)))
        done = subprocess.run(
            _command(stack, principal, seconds=seconds, seed=seed),
            cwd=place,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "SCHEMATHESIS_HOOKS": "tests.attacks.hooks",
                "PORTAL_ATTACK_PLAN": str(place / "plan.json"),
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=seconds + GRACE_SECONDS,
            check=False,
        )
        tally: dict[str, Counter[int]] = {}
        left = place / "tally.json"
        for operation, status, count in json.loads(left.read_text()) if left.exists() else ():
            tally.setdefault(operation, Counter())[status] = count
    words = done.stdout + done.stderr
    return Attacked(principal.name, done.returncode == 0, words, tally)


def described(stack: Stack, host: str) -> dict[str, object]:
    """The host's own OpenAPI file."""
    with stack.client(host) as client:
        found: dict[str, object] = client.get("/api/v1/openapi.json").raise_for_status().json()
    return found


def _plan(principal: Principal, place: Path, seed: int) -> dict[str, object]:
    return {
        "seed": seed,
        "tally": str(place / "tally.json"),
        "known": principal.known,
        "consent": principal.consent,
        "headers": dict(principal.headers),
        "bank": principal.bank,
        "learns": principal.learns,
        "foreign": sorted(principal.foreign),
        "receivers": RECEIVERS,
        "since": an_hour_ago(),
    }


def _command(stack: Stack, principal: Principal, *, seconds: int, seed: int) -> list[str]:
    host = stack.origin(principal.host).removeprefix("http://")
    return [
        *(sys.executable, "-m", "schemathesis.cli", "--no-color", "run", "openapi.json"),
        *("--url", f"http://127.0.0.1:{stack.port}", "--header", f"Host: {host}"),
        *("--header", f"Authorization: Bearer {principal.token}"),
        *("--checks", ",".join(CHECKS), "--continue-on-failure", "--max-time", str(seconds)),
        *("--seed", str(seed), "--suppress-health-check", "all", "--request-timeout", "20"),
    ]
