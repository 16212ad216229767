"""Playing a CSV: now or as history, dealt out to customers, each row once."""

import asyncio
import re
from collections import Counter
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from partners.sandbox.replay import COLUMNS, ReplayRefused, read_rows
from tests.partners.sandbox.visitor import Visitor

HEADER = ",".join(COLUMNS)
FILES = Path(__file__).resolve().parents[4] / "shared/data/replay"
OWN = Path(__file__).resolve().parents[3] / "partners/sandbox/samples/card_payments.csv"
CSV = f"""{HEADER}
a,2014-06-02,-54.27,EUR,coffee by the water,5814,
b,2014-06-02T23:45:00,-45.85,EUR,"pens, paper and ink",,0
a,2014-06-03,12.00,EUR,money back,,
c,2014-06-03,-9.99,GBP,,,1
"""


async def _played(visitor: Visitor, **body: Any) -> dict[str, Any]:
    await visitor.control("POST", "play", {"rate": 1000, **body})
    async with asyncio.timeout(20):
        # Asked again and again, as a judge in another process has to.
        while (state := await visitor.control("GET", "play"))["state"] == "running":  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    return state


async def test_each_row_happens_once_now(visitor: Visitor) -> None:
    state = await _played(visitor, csv=CSV)

    told = (await visitor.ledger())["transactions"]
    assert (state["state"], state["played"], state["declined"]) == ("done", 4, 0)
    assert Counter((one["amount_minor"], one["currency"]) for one in told) == {
        (-5427, "EUR"): 1,
        (-4585, "EUR"): 1,
        (1200, "EUR"): 1,
        (-999, "GBP"): 1,
    }
    assert {one["amount_minor"]: one["kind"] for one in told}[1200] == "CARD_REFUND"
    assert [one["amount_minor"] for one in told if one["fraud_suspected"]] == [-999]
    assert {datetime.fromisoformat(one["occurred_at"]).year for one in told} != {2014}


async def test_as_history_each_row_has_its_own_date(visitor: Visitor) -> None:
    await _played(visitor, csv=CSV, as_history=True)

    told = (await visitor.ledger())["transactions"]
    assert {one["status"] for one in told} == {"booked"}
    # Rome's midnight is the day before in UTC: the bank writes it with its own offset.
    assert {one["amount_minor"]: one["occurred_at"] for one in told}[-5427] == (
        "2014-06-01T22:00:00+00:00"
    )
    assert {one["amount_minor"]: one["occurred_at"] for one in told}[-4585] == (
        "2014-06-02T21:45:00+00:00"
    )


async def test_accounts_are_dealt_out_and_another_currency_gets_its_own(
    visitor: Visitor,
) -> None:
    await _played(visitor, csv=CSV)

    told = (await visitor.ledger())["transactions"]
    people = (await visitor.control("GET", "customers"))["customers"]
    currency = {
        account["AccountId"]: account["currency"]
        for person in people
        for account in person["accounts"]
    }
    opened = [account for account in people[2]["accounts"] if account["currency"] == "GBP"]
    holders = {one["amount_minor"]: one["logins"] for one in told}
    assert all(currency[one["AccountId"]] == one["currency"] for one in told)
    assert people[0]["login"] in holders[-5427]
    assert holders[-4585] == [people[1]["login"]]
    assert holders[-999] == [people[2]["login"]]
    assert [account["kind"] for account in opened] == ["card"]


async def test_a_consent_for_all_covers_accounts_opened_by_a_play(visitor: Visitor) -> None:
    headers = await visitor.linked()
    await visitor.control("POST", "play", {"csv": CSV.replace("EUR", "SEK"), "prepare_only": True})

    shown = await visitor.http.get("/open-banking/v4.0/aisp/accounts", headers=headers)

    assert "SEK" in {one["Currency"] for one in shown.json()["Data"]["Account"]}


async def test_a_play_can_be_stopped_and_does_not_run_twice(visitor: Visitor) -> None:
    many = HEADER + "\n" + "a,2026-01-01,-1.00,EUR,x,,\n" * 500
    await visitor.control("POST", "play", {"csv": many, "rate": 50})

    second = await visitor.http.post("/_control/play", json={"csv": CSV})
    stopped = await visitor.control("DELETE", "play")

    told = (await visitor.ledger())["transactions"]
    assert second.status_code == 409
    assert stopped["state"] == "stopped"
    assert len(told) == stopped["played"] < 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a,b\n",
        f"{HEADER}\na,2014-06-02,-1.00,EUR,x\n",
        f"{HEADER}\n,2014-06-02,-1.00,EUR,x,,\n",
        f"{HEADER}\na,02/06/2014,-1.00,EUR,x,,\n",
        f"{HEADER}\na,2014-06-02,-1.001,EUR,x,,\n",
        f"{HEADER}\na,2014-06-02,-1.00,XAU,x,,\n",
        f"{HEADER}\na,2014-06-02,-1.50,UGX,x,,\n",
        f"{HEADER}\na,2014-06-02,-1.00,euro,x,,\n",
        f"{HEADER}\na,2014-06-02,-1.00,EUR,x,shop,\n",
        f"{HEADER}\na,2014-06-02,-1.00,EUR,x,,maybe\n",
    ],
)
async def test_a_file_with_a_mistake_is_refused_whole(visitor: Visitor, text: str) -> None:
    with pytest.raises(ReplayRefused):
        read_rows(text)
    answer = await visitor.http.post("/_control/play", json={"csv": text})

    assert answer.status_code == 400
    assert (await visitor.ledger())["transactions"] == []


async def test_a_check_of_a_card_is_a_purchase_of_nothing(visitor: Visitor) -> None:
    headers = await visitor.linked()

    await _played(visitor, csv=f"{HEADER}\na,2014-06-02,0.00,EUR,a check,,\n")

    (told,) = (await visitor.ledger())["transactions"]
    address = f"/open-banking/v4.0/aisp/accounts/{told['AccountId']}/transactions"
    newest = (await visitor.http.get(address, headers=headers)).json()["Data"]["Transaction"][0]
    assert (told["kind"], told["amount"]) == ("CARD_PURCHASE", "0.00")
    assert newest["Amount"] == {"Amount": "0.00", "Currency": "EUR"}


async def test_the_ledger_says_what_each_account_holds(visitor: Visitor) -> None:
    before = {
        one["AccountId"]: one for one in (await visitor.control("GET", "ledger"))["accounts"]
    }

    await _played(visitor, csv=f"{HEADER}\na,2014-06-02,-1.00,EUR,x,,\n")

    ledger = await visitor.control("GET", "ledger?limit=5000")
    after = {one["AccountId"]: one for one in ledger["accounts"]}
    changed = {key for key, one in after.items() if one != before[key]}
    bought = next(one for one in ledger["transactions"] if one["source"] == "replay")
    assert changed == {bought["AccountId"]}
    one, was = after[bought["AccountId"]], before[bought["AccountId"]]
    assert one["booked"] == was["booked"]
    assert Decimal(was["available"]) - Decimal(one["available"]) == 1


async def test_the_banks_own_rows_can_be_played(visitor: Visitor) -> None:
    state = await _played(visitor, csv=OWN.read_text(), rate=10_000)

    assert (state["state"], state["played"], state["declined"]) == ("done", state["rows"], 0)


async def test_a_file_is_named_by_its_path(visitor: Visitor, tmp_path: Path) -> None:
    file = tmp_path / "rows.csv"
    file.write_text(CSV)

    good = await _played(visitor, path=str(file), limit=2)
    bad = await visitor.http.post("/_control/play", json={"path": str(tmp_path / "no.csv")})

    assert good["played"] == 2
    assert bad.status_code == 400


@pytest.mark.slow
@pytest.mark.skipif(not FILES.is_dir(), reason="needs ../shared/data, not part of the project")
async def test_the_real_files_are_played_to_the_cent(visitor: Visitor) -> None:
    for file in sorted(FILES.glob("*.csv")):
        before = (await visitor.control("GET", "ledger?limit=1"))["head"]
        state = await _played(visitor, path=str(file), limit=300, rate=10_000)
        ledger = await visitor.control("GET", f"ledger?after={before}&limit=5000")

        lines = file.read_text().splitlines()[1:301]
        amounts = Counter(
            int(found[1].replace(".", "")) for line in lines if (found := AMOUNT.search(line))
        )
        played = Counter(one["amount_minor"] for one in ledger["transactions"])
        assert (state["state"], state["played"]) == ("done", 300)
        # Compared as sums, so that a failure shows no row of the file.
        assert (played.total(), _sum(played)) == (amounts.total(), _sum(amounts))


AMOUNT = re.compile(r"^[^,]*,[^,]*,([-0-9.]+),")


def _sum(amounts: Counter[int]) -> int:
    return sum(amount * number for amount, number in amounts.items())
