"""Freezing by instruction: done once, told truthfully, and really frozen."""

import asyncio
import uuid
from pathlib import Path
from typing import Any

import httpx
import jsonschema
import pytest
import yaml

from tests.partners.sandbox.live import running
from tests.partners.sandbox.visitor import Visitor

PUBLISHED = Path(__file__).resolve().parents[3] / "partners/connectors/partner/openapi.yaml"


def _path(instruction_id: str) -> str:
    return f"/partner/v1/card-freezes/{instruction_id}"


async def _body(visitor: Visitor, **changed: Any) -> dict[str, Any]:
    account = (await visitor.first())["accounts"][0]
    return {
        "AccountId": account["AccountId"],
        "CardId": account["cards"][0]["CardId"],
        "Action": "freeze",
        "Reason": "customer says: not me",
        **changed,
    }


async def test_a_freeze_is_done_and_then_purchases_are_declined(visitor: Visitor) -> None:
    headers, instruction = await visitor.linked(), str(uuid.uuid4())
    body = await _body(visitor)

    answer = await visitor.http.put(_path(instruction), json=body, headers=headers)
    login = (await visitor.first())["login"]
    declined = await visitor.http.post(f"/_control/customers/{login}/buy", json={})

    card = (await visitor.first())["accounts"][0]["cards"][0]
    told = answer.json()
    assert answer.status_code == 201
    assert (told["InstructionId"], told["Status"], told["FailureReason"]) == (
        instruction,
        "done",
        None,
    )
    assert told["SettledAt"] is not None
    assert card["frozen"] is True
    assert declined.status_code == 409


async def test_answers_hold_against_the_published_interface(visitor: Visitor) -> None:
    document = yaml.safe_load(PUBLISHED.read_text())
    outcome = {"$ref": "#/components/schemas/Outcome", "components": document["components"]}
    checker = jsonschema.Draft202012Validator(outcome, format_checker=jsonschema.FormatChecker())
    headers = await visitor.linked()

    found: dict[str, list[str]] = {}
    for fault in ("pending", "fail", None):
        await visitor.control("PUT", "faults", {"freeze": fault})
        answer = await visitor.http.put(
            _path(str(uuid.uuid4())), json=await _body(visitor), headers=headers
        )
        told = answer.json()
        found[told["Status"]] = [error.message for error in checker.iter_errors(told)]

    assert found == {"pending": [], "failed": [], "done": []}


async def test_an_id_that_is_no_uuid_is_refused(visitor: Visitor) -> None:
    headers = await visitor.linked()

    answer = await visitor.http.put(
        _path("instruction-1"), json=await _body(visitor), headers=headers
    )

    assert answer.status_code == 400


async def test_the_same_instruction_again_changes_nothing(visitor: Visitor) -> None:
    headers, instruction = await visitor.linked(), str(uuid.uuid4())
    body = await _body(visitor)

    first = await visitor.http.put(_path(instruction), json=body, headers=headers)
    again = await visitor.http.put(_path(instruction), json=body, headers=headers)
    asked = await visitor.http.get(_path(instruction), headers=headers)
    other = await visitor.http.put(
        _path(instruction), json={**body, "Action": "unfreeze"}, headers=headers
    )

    ledger = await visitor.ledger()
    assert (first.status_code, again.status_code, asked.status_code) == (201, 200, 200)
    assert first.json() == again.json() == asked.json()
    assert other.status_code == 409
    assert [step["state"] for step in ledger["cards"]] == ["frozen"]
    assert ledger["instructions"][0]["times_received"] == 2


async def test_without_a_card_all_cards_of_the_account_are_frozen(visitor: Visitor) -> None:
    headers = await visitor.linked()
    body = await _body(visitor)
    del body["CardId"]

    await visitor.http.put(_path(str(uuid.uuid4())), json=body, headers=headers)

    cards = (await visitor.first())["accounts"][0]["cards"]
    assert [card["frozen"] for card in cards] == [True]


async def test_a_card_that_is_not_there_fails_truthfully(visitor: Visitor) -> None:
    headers = await visitor.linked()
    body = await _body(visitor, CardId="card-unknown")

    answer = await visitor.http.put(_path(str(uuid.uuid4())), json=body, headers=headers)

    assert answer.status_code == 201
    assert (answer.json()["Status"], answer.json()["FailureReason"]) == (
        "failed",
        "card_not_found",
    )


async def test_an_instruction_that_never_arrived_is_404(visitor: Visitor) -> None:
    headers = await visitor.linked()

    answer = await visitor.http.get(_path(str(uuid.uuid4())), headers=headers)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"AccountId": "aur-0000000000"}, 403),
        ({"AccountId": 7}, 400),
        ({"Action": "close"}, 400),
        ({"Reason": "x" * 141}, 400),
        ({"Reason": ""}, 400),
        ({"CardId": "x" * 129}, 400),
        ({"More": 1}, 400),
    ],
)
async def test_instructions_with_mistakes_are_refused(
    visitor: Visitor, changed: dict[str, Any], status: int
) -> None:
    headers = await visitor.linked()
    body = await _body(visitor, **changed)

    answer = await visitor.http.put(_path(str(uuid.uuid4())), json=body, headers=headers)

    assert answer.status_code == status
    assert (await visitor.ledger())["instructions"] == []


async def test_a_client_without_a_customer_may_not_freeze(visitor: Visitor) -> None:
    headers = await visitor.client_headers()

    answer = await visitor.http.put(
        _path(str(uuid.uuid4())), json=await _body(visitor), headers=headers
    )

    assert answer.status_code == 403


async def test_a_freeze_that_fails_says_so_and_freezes_nothing(visitor: Visitor) -> None:
    headers, instruction = await visitor.linked(), str(uuid.uuid4())
    await visitor.control("PUT", "faults", {"freeze": "fail"})

    answer = await visitor.http.put(_path(instruction), json=await _body(visitor), headers=headers)

    card = (await visitor.first())["accounts"][0]["cards"][0]
    assert (answer.json()["Status"], answer.json()["FailureReason"]) == (
        "failed",
        "not_allowed",
    )
    assert card["frozen"] is False


async def test_a_pending_freeze_settles_later(visitor: Visitor) -> None:
    headers, instruction = await visitor.linked(), str(uuid.uuid4())
    await visitor.control("PUT", "faults", {"freeze": "pending", "freeze_after_ms": 200})

    answer = await visitor.http.put(_path(instruction), json=await _body(visitor), headers=headers)
    states = [answer.json()["Status"]]
    async with asyncio.timeout(5):
        while states[-1] == "pending":
            await asyncio.sleep(0.05)
            asked = await visitor.http.get(_path(instruction), headers=headers)
            states.append(asked.json()["Status"])

    assert (states[0], states[-1]) == ("pending", "done")


async def test_hanging_late_and_lost_freezes_are_told_truthfully_afterwards(
    environ: dict[str, str], free_port: int
) -> None:
    """The caller gives up each time; asking later says what the bank really did."""
    outcomes: dict[str, int] = {}
    async with running({**environ, "SANDBOX_PORT": str(free_port)}) as program:
        visitor = program.visitor
        headers = await visitor.linked()
        body = await _body(visitor)
        for fault in ("hang", "late", "lost"):
            instruction = str(uuid.uuid4())
            await visitor.control("PUT", "faults", {"freeze": fault, "freeze_after_ms": 600})
            with pytest.raises(httpx.ReadTimeout):
                await visitor.http.put(_path(instruction), json=body, headers=headers, timeout=0.3)
            await asyncio.sleep(0.8)
            await visitor.control("PUT", "faults", {})
            asked = await visitor.http.get(_path(instruction), headers=headers)
            outcomes[fault] = asked.status_code

    assert outcomes == {"hang": 200, "late": 200, "lost": 404}
