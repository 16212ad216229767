"""What the bank can be told to do badly, seen by a caller over a real connection."""

import json
from typing import Any

import httpx
import pytest

from partners.sandbox.faults import FaultsRefused, read_faults
from tests.partners.sandbox.live import running
from tests.partners.sandbox.visitor import AISP, Visitor


async def test_faults_over_a_real_connection(environ: dict[str, str], free_port: int) -> None:
    seen: dict[str, Any] = {}
    async with running({**environ, "SANDBOX_PORT": str(free_port)}) as program:
        visitor = program.visitor
        headers = await visitor.linked()

        async def read(**faults: Any) -> httpx.Response:
            await visitor.control("PUT", "faults", faults)
            return await visitor.http.get(f"{AISP}/accounts", headers=headers, timeout=1)

        seen["good"] = (await read()).status_code
        limited = await read(error_rate=True, status=429)
        seen["429"] = (limited.status_code, limited.headers["retry-after"])
        seen["500"] = (await read(error_rate=1, status=500)).status_code
        nonsense = await read(malformed=1)
        with pytest.raises(json.JSONDecodeError):
            nonsense.json()
        with pytest.raises(httpx.ReadTimeout):
            await read(hang=1)
        for fault in ("drop_responses", "down"):
            with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
                await read(**{fault: True})
        slow = await read(latency_ms=300)
        seen["slow"] = slow.elapsed.total_seconds() >= 0.3
        seen["again"] = (await read()).status_code

    assert seen == {"good": 200, "429": (429, "2"), "500": 500, "slow": True, "again": 200}


async def test_a_dropped_answer_was_carried_out(environ: dict[str, str], free_port: int) -> None:
    async with running({**environ, "SANDBOX_PORT": str(free_port)}) as program:
        visitor = program.visitor
        headers = await visitor.linked()
        account = (await visitor.first())["accounts"][0]
        await visitor.control("PUT", "faults", {"drop_responses": 1})

        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await visitor.http.put(
                "/partner/v1/card-freezes/5e0ddc0c-0b80-4b0e-9d0e-0d6a6e0f2a11",
                json={"AccountId": account["AccountId"], "Action": "freeze", "Reason": "test"},
                headers=headers,
            )

        instructions = (await visitor.ledger())["instructions"]
    assert [one["Status"] for one in instructions] == ["done"]


async def test_renumbering_books_under_another_id(visitor: Visitor) -> None:
    await visitor.control("PUT", "faults", {"renumber": True})
    bought = await visitor.buy(amount="8.00")

    await visitor.control("POST", "book")

    (told,) = (await visitor.ledger())["transactions"]
    ids = [step["TransactionId"] for step in told["life"]]
    assert ids[0] == bought["TransactionId"]
    assert ids[1] == told["TransactionId"] != ids[0]


@pytest.mark.parametrize(
    "body",
    [
        [],
        {"nonsense": 1},
        {"error_rate": 2},
        {"error_rate": "often"},
        {"status": 418},
        {"latency_ms": -1},
        {"latency_ms": True},
        {"silent": 1},
        {"freeze": "never"},
    ],
)
def test_faults_that_do_not_exist_are_refused(body: object) -> None:
    with pytest.raises(FaultsRefused):
        read_faults(body)
