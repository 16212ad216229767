"""The ledger that judges believe: nothing is rewritten, balances add up, cards that are frozen decline."""

import asyncio

import psycopg
import pytest

from tests.partners.sandbox.visitor import Visitor


def _rows(url: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, options="-c search_path=sandbox_aurelia") as connection:
        return connection.execute(query.encode()).fetchall()


BALANCES_THAT_DO_NOT_ADD_UP = """
    SELECT a.id FROM accounts a LEFT JOIN LATERAL (SELECT
        coalesce(sum(amount_minor) FILTER (WHERE status = 'booked'), 0) AS booked,
        coalesce(sum(amount_minor) FILTER (WHERE status = 'pending'), 0) AS pending
      FROM transactions WHERE account_id = a.id) t ON true
    WHERE a.booked_minor <> a.opening_minor + t.booked OR a.pending_minor <> t.pending"""


async def test_a_purchase_lives_from_pending_to_booked(visitor: Visitor) -> None:
    bought = await visitor.buy(amount="12.30", merchant="Corner Test", country="IT")

    await visitor.control("POST", "book")

    (told,) = (await visitor.ledger())["transactions"]
    assert bought["status"] == "pending"
    assert [step["state"] for step in told["life"]] == ["pending", "booked"]
    assert told["TransactionId"] == bought["TransactionId"]
    assert told["amount_minor"] == -1230
    assert [step["seq"] for step in told["life"]] == sorted(step["seq"] for step in told["life"])


async def test_a_lapsed_purchase_disappears_but_its_life_is_kept(visitor: Visitor) -> None:
    headers = await visitor.linked()
    bought = await visitor.buy(amount="5.00")
    where = {"account_id": bought["AccountId"], "transaction_id": bought["TransactionId"]}

    await visitor.control("POST", "lapse", where)

    listed = await visitor.transactions(headers, bought["AccountId"])
    (told,) = (await visitor.ledger())["transactions"]
    assert bought["TransactionId"] not in {one["TransactionId"] for one in listed}
    assert [step["state"] for step in told["life"]] == ["pending", "removed"]


async def test_a_frozen_card_declines_and_an_unfrozen_one_pays(visitor: Visitor) -> None:
    person = await visitor.first()
    login = person["login"]
    await visitor.control("POST", f"customers/{login}/cards", {"frozen": True})

    declined = await visitor.http.post(f"/_control/customers/{login}/buy", json={"amount": "9.00"})
    await visitor.control("POST", f"customers/{login}/cards", {"frozen": False})
    bought = await visitor.buy(amount="9.00")

    ledger = await visitor.ledger()
    assert declined.status_code == 409
    assert declined.json()["error"] == "card_frozen"
    assert [one["amount_minor"] for one in ledger["declined"]] == [-900]
    assert [one["TransactionId"] for one in ledger["transactions"]] == [bought["TransactionId"]]
    assert {step["state"] for step in ledger["cards"]} == {"frozen", "unfrozen"}


async def test_balances_add_up_after_everything_that_can_happen(
    visitor: Visitor, database_url: str
) -> None:
    login = (await visitor.first())["login"]
    await visitor.buy(amount="10.00")
    gone = await visitor.buy(amount="20.00")
    await visitor.buy(suspicious=True)
    where = {"account_id": gone["AccountId"], "transaction_id": gone["TransactionId"]}
    await visitor.control("POST", "lapse", where)
    await visitor.control("POST", f"customers/{login}/refund", {})
    await visitor.control("POST", f"customers/{login}/salary")
    await visitor.buy(amount="30.00")

    before = _rows(database_url, BALANCES_THAT_DO_NOT_ADD_UP)
    await visitor.control("POST", "book")
    after = _rows(database_url, BALANCES_THAT_DO_NOT_ADD_UP)

    assert len(_rows(database_url, "SELECT 1 FROM transactions WHERE status = 'booked'")) > 100
    assert (before, after) == ([], [])


async def test_many_purchases_at_once_lose_nothing(visitor: Visitor, database_url: str) -> None:
    await asyncio.gather(*(visitor.buy(amount=f"{number}.01") for number in range(1, 21)))

    told = (await visitor.ledger())["transactions"]

    assert sorted(one["amount_minor"] for one in told) == [
        -(number * 100 + 1) for number in range(20, 0, -1)
    ]
    assert len({(one["AccountId"], one["TransactionId"]) for one in told}) == 20
    assert _rows(database_url, BALANCES_THAT_DO_NOT_ADD_UP) == []


@pytest.mark.parametrize("attack", ["UPDATE history SET what = 'booked'", "DELETE FROM history"])
async def test_history_refuses_to_be_rewritten(
    visitor: Visitor, database_url: str, attack: str
) -> None:
    await visitor.buy(amount="1.00")

    with pytest.raises(psycopg.errors.RaiseException, match="only ever added to"):
        _rows(database_url, attack)


async def test_a_refund_is_given_once(visitor: Visitor) -> None:
    person = await visitor.first()
    bought = await visitor.buy(amount="44.00")
    path = f"/_control/customers/{person['login']}/refund"
    body = {"transaction_id": bought["TransactionId"]}

    first = await visitor.http.post(path, json=body)
    mine = [one for one in (await visitor.ledger())["transactions"] if one["refund_of"]]

    assert first.status_code == 201
    assert first.json()["amount"] == {"amount": "44.00", "currency": "EUR"}
    assert len(mine) == 1


async def test_reading_the_ledger_in_small_steps_finds_the_same(visitor: Visitor) -> None:
    for _ in range(3):
        await visitor.buy(amount="2.00")
    await visitor.control("POST", "book")
    whole = await visitor.ledger()

    place, found = whole["seeded_until"], {}
    while True:
        part = await visitor.control("GET", f"ledger?after={place}&limit=2")
        found.update({one["key"]: one for one in part["transactions"]})
        place = part["next_after"]
        if not part["has_more"]:
            break

    assert list(found.values()) == whole["transactions"]


async def test_a_foreign_purchase_keeps_both_amounts_and_the_rate(visitor: Visitor) -> None:
    await visitor.buy(amount="100.00", currency="USD", country="US", merchant="Far Away")

    (told,) = (await visitor.ledger())["transactions"]

    assert (told["original_minor"], told["original_currency"]) == (-10000, "USD")
    assert (told["amount_minor"], told["currency"]) == (-9200, "EUR")
    assert told["exchange_rate"] == "0.920000"
