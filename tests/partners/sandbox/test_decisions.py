"""What a customer said about a payment: taken once, shown truthfully, the last word stands."""

import uuid
from typing import Any

import pytest

from tests.partners.sandbox.visitor import Visitor


def _path(decision_id: str) -> str:
    return f"/partner/v1/fraud-decisions/{decision_id}"


async def _suspicious(visitor: Visitor) -> dict[str, Any]:
    return await visitor.buy(amount="640.00", suspicious=True)


def _body(bought: dict[str, Any], word: str, **changed: Any) -> dict[str, Any]:
    return {
        "AccountId": bought["AccountId"],
        "TransactionId": bought["TransactionId"],
        "Decision": word,
        "DecidedAt": "2026-03-30T09:00:00Z",
        **changed,
    }


async def _signal(visitor: Visitor, headers: dict[str, str], bought: dict[str, Any]) -> Any:
    listed = await visitor.transactions(headers, bought["AccountId"])
    newest = next(
        one for one in listed if one.get("SupplementaryData", {}).get("CardId") == bought["CardId"]
    )
    return newest["SupplementaryData"].get("FraudSignal")


@pytest.mark.parametrize(("word", "signal"), [("was_me", "cleared"), ("not_me", "confirmed")])
async def test_a_decision_is_taken_and_the_transaction_says_so(
    visitor: Visitor, word: str, signal: str
) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)
    before = await _signal(visitor, headers, bought)
    number = str(uuid.uuid4())

    answer = await visitor.http.put(_path(number), json=_body(bought, word), headers=headers)

    told = answer.json()
    assert answer.status_code == 201
    assert (told["DecisionId"], told["Status"], told["FailureReason"]) == (number, "done", None)
    assert told["SettledAt"] is not None
    assert (before, await _signal(visitor, headers, bought)) == ("suspected", signal)


async def test_a_decision_alone_freezes_nothing(visitor: Visitor) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)

    await visitor.http.put(_path(str(uuid.uuid4())), json=_body(bought, "not_me"), headers=headers)

    assert (await visitor.buy())["status"] == "pending"


async def test_the_same_decision_again_changes_nothing(visitor: Visitor) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)
    number, body = str(uuid.uuid4()), _body(bought, "was_me")

    first = await visitor.http.put(_path(number), json=body, headers=headers)
    again = await visitor.http.put(_path(number), json=body, headers=headers)
    asked = await visitor.http.get(_path(number), headers=headers)
    other = await visitor.http.put(
        _path(number), json={**body, "Decision": "not_me"}, headers=headers
    )

    decisions = (await visitor.ledger())["decisions"]
    assert (first.status_code, again.status_code, asked.status_code) == (201, 200, 200)
    assert first.json() == again.json() == asked.json()
    assert other.status_code == 409
    assert [(one["Decision"], one["times_received"]) for one in decisions] == [("was_me", 2)]


async def test_the_customers_last_word_stands_whichever_arrives_last(visitor: Visitor) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)
    later = _body(bought, "was_me", DecidedAt="2026-03-30T10:30:00+01:00")
    earlier = _body(bought, "not_me", DecidedAt="2026-03-30T09:00:00Z")

    for body in (later, earlier):
        await visitor.http.put(_path(str(uuid.uuid4())), json=body, headers=headers)

    assert await _signal(visitor, headers, bought) == "cleared"


async def test_a_payment_is_known_by_the_id_under_which_it_was_told(visitor: Visitor) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)
    await visitor.control("PUT", "faults", {"renumber": True})
    await visitor.control("POST", "book")

    answer = await visitor.http.put(
        _path(str(uuid.uuid4())), json=_body(bought, "was_me"), headers=headers
    )

    assert answer.json()["Status"] == "done"
    assert await _signal(visitor, headers, bought) == "cleared"


async def test_a_payment_that_is_not_there_fails_truthfully(visitor: Visitor) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)
    body = _body(bought, "not_me", TransactionId="tx-unknown")

    answer = await visitor.http.put(_path(str(uuid.uuid4())), json=body, headers=headers)

    assert answer.status_code == 201
    assert (answer.json()["Status"], answer.json()["FailureReason"]) == (
        "failed",
        "transaction_not_found",
    )


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"AccountId": "aur-0000000000"}, 403),
        ({"AccountId": 7}, 400),
        ({"TransactionId": ""}, 400),
        ({"TransactionId": "x" * 211}, 400),
        ({"Decision": "perhaps"}, 400),
        ({"DecidedAt": "yesterday"}, 400),
        ({"DecidedAt": "2026-02-30T00:00:00Z"}, 400),
        ({"DecidedAt": "0001-01-01T00:00:00+23:59"}, 400),
        ({"More": "1"}, 400),
    ],
)
async def test_decisions_with_mistakes_are_refused(
    visitor: Visitor, changed: dict[str, Any], status: int
) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)

    answer = await visitor.http.put(
        _path(str(uuid.uuid4())), json=_body(bought, "not_me", **changed), headers=headers
    )

    assert answer.status_code == status
    assert (await visitor.ledger())["decisions"] == []


async def test_what_never_arrived_is_404_and_another_clients_is_too(visitor: Visitor) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)
    number = str(uuid.uuid4())
    await visitor.http.put(_path(number), json=_body(bought, "was_me"), headers=headers)
    own = await visitor.client_headers()

    unknown = await visitor.http.get(_path(str(uuid.uuid4())), headers=headers)
    without_a_customer = await visitor.http.get(_path(number), headers=own)

    assert (unknown.status_code, without_a_customer.status_code) == (404, 403)


async def test_an_id_that_is_no_uuid_is_refused(visitor: Visitor) -> None:
    headers, bought = await visitor.linked(), await _suspicious(visitor)

    answer = await visitor.http.put(_path("one"), json=_body(bought, "was_me"), headers=headers)

    assert answer.status_code == 400
