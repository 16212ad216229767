"""Receipts that add up, parcels that move, and what the bank tells of both."""

import asyncio
from collections.abc import Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from partners.sandbox.goods import ANYTHING, SHELVES
from partners.sandbox.people import dice
from partners.sandbox.receipts import invent_receipt, receipt_body
from tests.partners.sandbox.conftest import serving
from tests.partners.sandbox.visitor import Visitor

PUBLISHED = Path(__file__).resolve().parents[3] / "partners/connectors/partner/openapi.yaml"
PAPERS = ("receipts", "shipments")
Json = dict[str, Any]


def sums(receipt: Json) -> Decimal:
    """What the lines, the discount and the tax of a receipt come to, by the published definition."""
    lines = sum((Decimal(line["Amount"]) for line in receipt["Lines"]), Decimal(0))
    tax = receipt.get("Tax") or {"Amount": "0", "Included": True}
    added = Decimal(0) if tax["Included"] else Decimal(tax["Amount"])
    return lines - Decimal(receipt.get("Discount", "0")) + added


def line_is_right(line: Json) -> bool:
    full = Decimal(line["Quantity"]) * Decimal(line["UnitPrice"])
    rounded = full.quantize(Decimal("0.01"), ROUND_HALF_UP)
    return rounded - Decimal(line.get("Discount", "0")) == Decimal(line["Amount"])


SHELF_LIST = [ANYTHING, *(shelf for shops in SHELVES.values() for shelf in shops.values())]


@given(seed=st.integers(), total=st.integers(1, 10_000_000), shelf=st.sampled_from(SHELF_LIST))
def test_the_lines_of_every_invented_receipt_add_up(seed: int, total: int, shelf: Any) -> None:
    receipt = invent_receipt(dice(seed), shelf, total)

    said = receipt_body(receipt, merchant="Corner Test", currency="EUR", issued="2026-11-24")
    assert sums(said) == Decimal(said["Total"]) == Decimal(total) / 100
    assert [line for line in said["Lines"] if not line_is_right(line)] == []
    assert all(Decimal(line["Amount"]) > 0 for line in said["Lines"])
    assert 0 <= receipt.tax <= total


def test_the_same_seed_gives_the_same_receipt() -> None:
    first, again, other = (
        invent_receipt(dice(seed), SHELVES["IT"]["5411"], 4_321) for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


async def read(
    visitor: Visitor, headers: dict[str, str], account_id: str, kind: str, after: str | None = None
) -> tuple[list[Json], str]:
    """Everything told after a place, page by page."""
    listed = {"receipts": "Receipt", "shipments": "Shipment"}[kind]
    found: list[Json] = []
    while True:
        answer = await visitor.http.get(
            f"/partner/v1/accounts/{account_id}/{kind}",
            params={"after": after} if after else {},
            headers=headers,
        )
        assert answer.status_code == 200, answer.text
        body = answer.json()
        found += body[listed]
        after = body["Cursor"]
        if not body["HasMore"]:
            return found, str(after)


@pytest.fixture
async def mine(visitor: Visitor) -> tuple[dict[str, str], str]:
    """Headers that read the first customer's accounts, and the account that pays."""
    headers = await visitor.linked()
    return headers, (await visitor.first())["accounts"][0]["AccountId"]


def checker(name: str) -> jsonschema.Draft202012Validator:
    document = yaml.safe_load(PUBLISHED.read_text())
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(("kind", "name"), [("receipts", "Receipts"), ("shipments", "Shipments")])
async def test_what_is_told_holds_against_the_published_interface(
    visitor: Visitor, kind: str, name: str
) -> None:
    headers = await visitor.linked()
    await visitor.buy(receipt="now", parcel=True)
    wrong: list[str] = []

    for account in (await visitor.first())["accounts"]:
        answer = await visitor.http.get(
            f"/partner/v1/accounts/{account['AccountId']}/{kind}", headers=headers
        )
        wrong += [error.message for error in checker(name).iter_errors(answer.json())]

    assert wrong == []


async def test_the_invented_year_has_receipts_that_add_up_to_what_was_paid(
    visitor: Visitor,
) -> None:
    headers = await visitor.linked()
    told, paid = [], {}
    for account in (await visitor.first())["accounts"]:
        told += (await read(visitor, headers, account["AccountId"], "receipts"))[0]
        for row in await visitor.transactions(headers, account["AccountId"]):
            paid[row["AccountId"], row["TransactionId"]] = Decimal(row["Amount"]["Amount"])

    assert len(told) > 10
    assert [each["ReceiptId"] for each in told if sums(each) != Decimal(each["Total"])] == []
    assert {
        each["ReceiptId"]
        for each in told
        if paid[each["AccountId"], each["TransactionId"]] != Decimal(each["Total"])
    } == set()


async def test_reading_on_gives_what_was_told_since(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    _, place = await read(visitor, headers, account_id, "receipts")

    bought = await visitor.buy(amount="23.45", receipt="now", account=account_id)
    news, then = await read(visitor, headers, account_id, "receipts", place)
    nothing, same = await read(visitor, headers, account_id, "receipts", then)

    (receipt,) = news
    assert receipt["TransactionId"] == bought["TransactionId"]
    assert (receipt["Total"], receipt["Revision"]) == ("23.45", 1)
    assert (nothing, same) == ([], then)


async def test_a_long_list_is_read_in_pages_without_a_gap(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    _, place = await read(visitor, headers, account_id, "receipts")
    for _ in range(53):
        await visitor.buy(amount="2.50", merchant="Corner Test", receipt="now", account=account_id)

    told, _ = await read(visitor, headers, account_id, "receipts", place)

    assert len({each["ReceiptId"] for each in told}) == len(told) == 53


async def test_a_broken_receipt_does_not_add_up_and_its_correction_does(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    _, place = await read(visitor, headers, account_id, "receipts")
    await visitor.buy(amount="31.20", receipt="broken", account=account_id)
    ((broken,), then) = await read(visitor, headers, account_id, "receipts", place)

    await visitor.control("POST", "receipts/correct", {"receipt_id": broken["ReceiptId"]})

    ((corrected,), _) = await read(visitor, headers, account_id, "receipts", then)
    assert sums(broken) != Decimal(broken["Total"])
    assert sums(corrected) == Decimal(corrected["Total"]) == Decimal("31.20")
    assert (broken["Revision"], corrected["Revision"]) == (1, 2)
    assert corrected["ReceiptId"] == broken["ReceiptId"]


async def test_a_receipt_can_come_before_its_purchase(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    login = (await visitor.first())["login"]
    _, place = await read(visitor, headers, account_id, "receipts")
    ahead = await visitor.control(
        "POST", f"customers/{login}/receipt", {"amount": "17.80", "account": account_id}
    )
    ((receipt,), _) = await read(visitor, headers, account_id, "receipts", place)
    before = await visitor.transactions(headers, account_id)

    bought = await visitor.buy(announced=ahead["TransactionId"], account=account_id)

    again = await visitor.http.post(
        f"/_control/customers/{login}/buy",
        json={"announced": ahead["TransactionId"], "account": account_id},
    )
    assert receipt["TransactionId"] == ahead["TransactionId"] == bought["TransactionId"]
    assert ahead["TransactionId"] not in {row["TransactionId"] for row in before}
    assert bought["amount"]["amount"] == "-17.80"
    assert again.status_code == 404


async def test_a_receipt_follows_its_purchase_to_its_new_number(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    _, place = await read(visitor, headers, account_id, "receipts")
    bought = await visitor.buy(amount="12.00", receipt="now", account=account_id)
    await visitor.control("PUT", "faults", {"renumber": True})

    await visitor.control("POST", "book")

    ((receipt,), _) = await read(visitor, headers, account_id, "receipts", place)
    listed = {row["TransactionId"] for row in await visitor.transactions(headers, account_id)}
    assert receipt["TransactionId"] != bought["TransactionId"]
    assert receipt["TransactionId"] in listed


async def test_a_late_receipt_comes_by_itself(environ: dict[str, str]) -> None:
    async with serving({**environ, "SANDBOX_RECEIPT_AFTER_SECONDS": "1"}) as (_, visitor):
        headers = await visitor.linked()
        account_id = (await visitor.first())["accounts"][0]["AccountId"]
        _, place = await read(visitor, headers, account_id, "receipts")
        await visitor.buy(amount="8.00", receipt="later", account=account_id)
        at_once, _ = await read(visitor, headers, account_id, "receipts", place)

        async with asyncio.timeout(10):
            told: list[Json] = []
            while not told:
                told, _ = await read(visitor, headers, account_id, "receipts", place)

    assert at_once == []
    assert [each["Total"] for each in told] == ["8.00"]


async def test_a_parcel_moves_to_the_end_of_its_way_and_no_further(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    _, place = await read(visitor, headers, account_id, "shipments")
    await visitor.buy(amount="45.00", parcel=True, account=account_id)
    ((first,), _) = await read(visitor, headers, account_id, "shipments", place)
    move = {"parcel_id": first["ShipmentId"]}

    while (await visitor.http.post("/_control/parcels/move", json=move)).is_success:
        continue
    after = await visitor.http.post("/_control/parcels/move", json=move)

    told, _ = await read(visitor, headers, account_id, "shipments", place)
    assert [each["Revision"] for each in told] == list(range(1, len(told) + 1))
    assert (told[0]["Status"], told[-1]["Status"]) == ("ordered", "delivered")
    assert [len(each["Events"]) for each in told] == [each["Revision"] for each in told]
    assert {each["ShipmentId"] for each in told} == {first["ShipmentId"]}
    assert (after.status_code, after.json()["error"]) == (409, "parcel_arrived")


async def test_a_parcel_that_is_held_up_is_expected_later_and_goes_on(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    _, place = await read(visitor, headers, account_id, "shipments")
    await visitor.buy(amount="45.00", parcel=True, account=account_id)
    ((first,), _) = await read(visitor, headers, account_id, "shipments", place)

    held = await visitor.control(
        "POST", "parcels/move", {"parcel_id": first["ShipmentId"], "to": "delayed"}
    )
    on = await visitor.control("POST", "parcels/move", {"parcel_id": first["ShipmentId"]})

    assert held["ExpectedOn"] > first["ExpectedOn"]
    assert (held["Status"], on["Revision"]) == ("delayed", 3)


async def test_parcels_move_by_the_banks_clock(environ: dict[str, str]) -> None:
    async with serving({**environ, "SANDBOX_PARCEL_STEP_SECONDS": "0"}) as (_, visitor):
        headers = await visitor.linked()
        account_id = (await visitor.first())["accounts"][0]["AccountId"]
        _, place = await read(visitor, headers, account_id, "shipments")
        await visitor.buy(amount="45.00", parcel=True, account=account_id)

        async with asyncio.timeout(10):
            told: list[Json] = []
            while not told or told[-1]["Status"] != "delivered":
                told, _ = await read(visitor, headers, account_id, "shipments", place)

    assert [each["Revision"] for each in told] == list(range(1, len(told) + 1))


async def test_told_twice_and_out_of_order(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    _, place = await read(visitor, headers, account_id, "shipments")
    await visitor.buy(amount="45.00", parcel=True, account=account_id)
    ((first,), _) = await read(visitor, headers, account_id, "shipments", place)
    await visitor.control("POST", "parcels/move", {"parcel_id": first["ShipmentId"]})

    again = {"id": first["ShipmentId"], "revision": 1}
    await visitor.control("POST", "updates/again", again)
    await visitor.control("PUT", "faults", {"duplicate_updates": True})

    told, _ = await read(visitor, headers, account_id, "shipments", place)
    assert [each["Revision"] for each in told] == [1, 1, 2, 2, 1, 1]
    assert told[0] == told[-1] == first


async def test_what_is_ordered_online_comes_with_receipt_and_parcel(
    visitor: Visitor, mine: tuple[dict[str, str], str]
) -> None:
    headers, account_id = mine
    login = (await visitor.first())["login"]
    places = {kind: (await read(visitor, headers, account_id, kind))[1] for kind in PAPERS}

    bought = await visitor.control("POST", f"customers/{login}/order")

    for kind in PAPERS:
        ((told,), _) = await read(visitor, headers, account_id, kind, places[kind])
        assert told["TransactionId"] == bought["TransactionId"]
        assert told["Merchant"]["Name"] == bought["merchant"]


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("receipts/correct", {"receipt_id": "rcp-unknown"}),
        ("parcels/move", {"parcel_id": "shp-unknown"}),
        ("updates/again", {"id": "shp-unknown"}),
    ],
)
async def test_levers_on_what_is_not_there_say_so(visitor: Visitor, path: str, body: Json) -> None:
    answer = await visitor.http.post(f"/_control/{path}", json=body)

    assert answer.status_code == 404


@pytest.mark.parametrize(
    "order", [{"receipt": "torn"}, {"receipt": True}, {"parcel": "yes"}, {"announced": 7}]
)
async def test_orders_with_mistakes_about_papers_buy_nothing(
    visitor: Visitor, order: Json
) -> None:
    login = (await visitor.first())["login"]

    answer = await visitor.http.post(f"/_control/customers/{login}/buy", json=order)

    assert (answer.status_code, answer.json()["error"]) == (400, "bad_order")


@pytest.mark.parametrize("after", ["", "x", "u", "u-1", "u" + "9" * 30])
async def test_a_place_that_is_not_one_is_refused(
    visitor: Visitor, mine: tuple[dict[str, str], str], after: str
) -> None:
    headers, account_id = mine

    answer = await visitor.http.get(
        f"/partner/v1/accounts/{account_id}/receipts", params={"after": after}, headers=headers
    )

    assert answer.status_code == 400


async def test_without_the_customers_yes_nothing_is_told(visitor: Visitor) -> None:
    account = (await visitor.first())["accounts"][0]["AccountId"]
    path = f"/partner/v1/accounts/{account}/receipts"
    narrow = await visitor.tokens(permissions=["ReadAccountsDetail", "ReadBalances"])
    bearer = {"Authorization": f"Bearer {narrow['access_token']}"}
    other = (await visitor.control("GET", "customers"))["customers"][3]["accounts"][0]
    mine = await visitor.linked()

    statuses = [
        (await visitor.http.get(path)).status_code,
        (await visitor.http.get(path, headers=await visitor.client_headers())).status_code,
        (await visitor.http.get(path, headers=bearer)).status_code,
        (
            await visitor.http.get(
                f"/partner/v1/accounts/{other['AccountId']}/receipts", headers=mine
            )
        ).status_code,
    ]

    assert statuses == [401, 403, 403, 403]


def chips(page: str) -> Iterator[str]:
    yield from (part.split("<")[0] for part in page.split('<span class="chip">')[1:])


async def test_a_person_orders_and_moves_the_parcel_on_by_hand(visitor: Visitor) -> None:
    person = await visitor.first()
    form = {"login": person["login"], "password": person["password"]}
    await visitor.http.post("/sign-in", data=form)

    ordered = await visitor.http.post("/do/order")
    page = (await visitor.http.get("/accounts")).text
    parcel = page.split('name="parcel" value="')[1].split('"')[0]
    moved = await visitor.http.post("/do/move", data={"parcel": parcel})
    stranger = await visitor.http.post("/do/move", data={"parcel": "shp-of-somebody-else"})

    after = (await visitor.http.get("/accounts")).text
    assert ordered.headers["location"] == "/accounts?done=ordered"
    assert moved.headers["location"] == "/accounts?done=moved"
    assert stranger.headers["location"] == "/accounts?done=arrived"
    assert "Move the parcel on" in page
    assert ">Ordered<" in page
    assert ">Packed<" in after
    assert "Receipt" in set(chips(page))
