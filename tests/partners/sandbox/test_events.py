"""Events: committed with the change, signed, pushed at once, and again until they are taken."""

import asyncio
from typing import Any

import jwt
import psycopg
import pytest

from partners.sandbox.events import RESOURCE_UPDATE, next_pause
from tests.partners.sandbox.conftest import serving
from tests.partners.sandbox.live import Receiver
from tests.partners.sandbox.test_standard import SPECS, complaints
from tests.partners.sandbox.visitor import CLIENT, Visitor


async def _verified(visitor: Visitor, event: str) -> dict[str, Any]:
    keys = (await visitor.http.get("/.well-known/jwks.json")).json()["keys"]
    kid = jwt.get_unverified_header(event)["kid"]
    key = next(jwt.PyJWK(key) for key in keys if key["kid"] == kid)
    claims: dict[str, Any] = jwt.decode(event, key, algorithms=["PS256"], audience=CLIENT)
    return claims


async def test_a_purchase_is_told_at_once_and_signed(environ: dict[str, str]) -> None:
    async with Receiver().listening() as receiver:
        told = {"SANDBOX_NOTIFY_URL": receiver.url, "SANDBOX_NOTIFY_HOST": "api.portal.localhost"}
        async with serving({**environ, **told}) as (_, visitor):
            await visitor.linked()

            bought = await visitor.buy(amount="5.00")
            await receiver.wait_for(1, within=2)

            headers, event = receiver.taken[0]
            claims = await _verified(visitor, event)
    assert headers["content-type"] == "application/jwt"
    assert headers["host"] == "api.portal.localhost"
    assert headers["x-fapi-financial-id"] == "aurelia"
    assert claims["iss"] == "http://aurelia-bank.localhost:8101"
    subject = claims["events"][RESOURCE_UPDATE]["subject"]
    assert subject["http://openbanking.org.uk/rid"] == bought["AccountId"]
    assert claims["sub"].endswith(f"/accounts/{bought['AccountId']}/transactions")
    if SPECS.is_dir():
        schema = "event-notifications-openapi.yaml"
        assert complaints(claims, schema, "OBEventNotification1") == []


async def test_each_kind_of_change_is_told(environ: dict[str, str]) -> None:
    async with (
        Receiver().listening() as receiver,
        serving({**environ, "SANDBOX_NOTIFY_URL": receiver.url}) as (_, visitor),
    ):
        login = (await visitor.first())["login"]
        await visitor.linked()

        gone = await visitor.buy(amount="5.00")
        await visitor.buy(amount="6.00")
        where = {
            "account_id": gone["AccountId"],
            "transaction_id": gone["TransactionId"],
        }
        await visitor.control("POST", "lapse", where)
        await visitor.control("POST", "book")
        freeze = {"frozen": True, "card_id": gone["CardId"]}
        await visitor.control("POST", f"customers/{login}/cards", freeze)
        await receiver.wait_for(5)

        changes = {(await _verified(visitor, event))["txn"] for _, event in receiver.taken}
    assert len(changes) == 5


async def test_nobody_is_told_of_accounts_that_were_not_shared(
    environ: dict[str, str], database_url: str
) -> None:
    async with serving(environ) as (_, visitor):
        person = await visitor.first()
        savings = next(one for one in person["accounts"] if one["kind"] == "savings")
        await visitor.linked(account_ids=[savings["AccountId"]])

        await visitor.buy(amount="5.00")

    with psycopg.connect(database_url) as connection:
        kept = connection.execute("SELECT count(*) FROM sandbox_aurelia.notifications").fetchone()
    assert kept == (0,)


async def test_an_event_that_is_refused_comes_again(environ: dict[str, str]) -> None:
    async with (
        Receiver(refuse=2).listening() as receiver,
        serving({**environ, "SANDBOX_NOTIFY_URL": receiver.url}) as (_, visitor),
    ):
        await visitor.linked()

        await visitor.buy(amount="5.00")
        await receiver.wait_for(1)

        notices = (await visitor.ledger())["notifications"]
    assert receiver.refused == 2
    assert notices == {"waiting": 0, "delivered": 1, "withheld": 0}


async def test_an_event_outlives_the_bank_process(environ: dict[str, str]) -> None:
    async with serving(environ) as (_, visitor):
        await visitor.linked()
        await visitor.buy(amount="5.00")

    async with (
        Receiver().listening() as receiver,
        serving({**environ, "SANDBOX_NOTIFY_URL": receiver.url}),
    ):
        await receiver.wait_for(1)

    assert len(receiver.taken) == 1


async def test_duplicates_and_silence_can_be_ordered(environ: dict[str, str]) -> None:
    async with (
        Receiver().listening() as receiver,
        serving({**environ, "SANDBOX_NOTIFY_URL": receiver.url}) as (_, visitor),
    ):
        await visitor.linked()
        await visitor.control("PUT", "faults", {"silent": True})
        await visitor.buy(amount="5.00")
        await visitor.control("PUT", "faults", {"duplicate_notifications": True})
        await visitor.buy(amount="6.00")
        await receiver.wait_for(2)
        await asyncio.sleep(0.1)

        told = [(await _verified(visitor, event))["jti"] for _, event in receiver.taken]
        notices = (await visitor.ledger())["notifications"]
    assert (len(told), len(set(told))) == (2, 1)
    assert notices["withheld"] == 1


@pytest.mark.parametrize(("attempts", "most"), [(0, 0.5), (1, 1), (5, 16), (40, 300)])
def test_pauses_double_up_to_five_minutes(attempts: int, most: float) -> None:
    longest = next_pause(attempts, jitter=0).total_seconds()
    shortest = next_pause(attempts, jitter=1).total_seconds()

    assert longest == most
    assert most * 0.79 < shortest < most
