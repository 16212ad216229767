"""The levers: for this machine and the portal's own pages, and nobody else."""

from typing import Any

import httpx
import pytest

from tests.partners.sandbox.conftest import serving
from tests.partners.sandbox.visitor import Visitor


async def test_another_machine_is_refused(environ: dict[str, str]) -> None:
    async with serving(environ) as (app, visitor):
        far = httpx.ASGITransport(app, client=("10.0.0.9", 4000))
        async with httpx.AsyncClient(
            transport=far, base_url="http://aurelia-bank.localhost:8101"
        ) as stranger:
            refused = await stranger.get("/_control/customers")
        near = await visitor.http.get("/_control/customers")

    assert (refused.status_code, near.status_code) == (403, 200)


@pytest.mark.parametrize(
    ("origin", "status"),
    [("http://portal.localhost:8000", 200), ("https://evil.example", 403)],
)
async def test_only_the_portals_base_origin_may_pull_levers_from_a_browser(
    visitor: Visitor, origin: str, status: int
) -> None:
    asked = await visitor.http.request("OPTIONS", "/_control/book", headers={"Origin": origin})
    pulled = await visitor.http.post("/_control/book", headers={"Origin": origin})

    assert asked.status_code == (204 if status == 200 else 403)
    assert pulled.status_code == status
    allowed = pulled.headers.get("access-control-allow-origin")
    assert allowed == (origin if status == 200 else None)


async def test_another_host_name_is_refused(visitor: Visitor) -> None:
    answer = await visitor.http.get("/_control/health", headers={"Host": "rebound.example"})

    assert answer.status_code == 400


@pytest.mark.parametrize(
    "order",
    [
        {"amount": "-5"},
        {"amount": "0"},
        {"amount": 5},
        {"amount": "1.005"},
        {"amount": "9" * 14},
        {"currency": "EURO"},
        {"currency": "XXX"},
        {"country": "italy"},
        {"mcc": "grocer"},
        {"merchant": ""},
        {"merchant": "x" * 101},
        {"suspicious": "yes"},
        {"more": 1},
        [],
    ],
)
async def test_orders_with_mistakes_buy_nothing(visitor: Visitor, order: Any) -> None:
    login = (await visitor.first())["login"]

    answer = await visitor.http.post(f"/_control/customers/{login}/buy", json=order)

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_order")
    assert (await visitor.ledger())["transactions"] == []


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("POST", "customers/nobody/buy", {}, 404),
        ("POST", "customers/nobody/salary", None, 404),
        ("POST", "lapse", {"account_id": "x", "transaction_id": "y"}, 404),
        ("POST", "lapse", {"account_id": 1}, 400),
        ("POST", "approve", {}, 400),
        ("PUT", "clients", {"client_id": "x"}, 400),
        ("PUT", "clients", {"client_id": "x", "client_secret": "y", "redirect_uris": []}, 400),
        ("PUT", "faults", {"x": 1}, 400),
        ("POST", "play", {"path": "/etc/passwd"}, 400),
        ("POST", "play", {"csv": "x", "rate": 0}, 400),
        ("GET", "ledger?after=x", None, 400),
        ("GET", "ledger?limit=999999", None, 400),
        ("GET", "nothing", None, 404),
        ("DELETE", "customers", None, 405),
    ],
)
async def test_mistakes_have_an_answer(
    visitor: Visitor, method: str, path: str, body: Any, status: int
) -> None:
    answer = await visitor.http.request(method, f"/_control/{path}", json=body)

    assert answer.status_code == status
    assert answer.json()["error"]


async def test_reset_begins_anew_with_the_same_people(visitor: Visitor) -> None:
    people = await visitor.control("GET", "customers")
    keys = (await visitor.http.get("/.well-known/jwks.json")).json()
    before = await visitor.ledger()
    await visitor.buy(amount="5.00")

    await visitor.control("POST", "reset")

    after = await visitor.ledger()
    assert await visitor.control("GET", "customers") == people
    assert (await visitor.http.get("/.well-known/jwks.json")).json() == keys
    assert after["transactions"] == []
    assert after["epoch"] != before["epoch"]


async def test_purchases_book_by_themselves(environ: dict[str, str]) -> None:
    async with serving({**environ, "SANDBOX_BOOK_AFTER_SECONDS": "0"}) as (_, visitor):
        await visitor.buy(amount="5.00")
        for _ in range(200):
            (told,) = (await visitor.ledger())["transactions"]
            if told["status"] == "booked":
                break

    assert [step["state"] for step in told["life"]] == ["pending", "booked"]
