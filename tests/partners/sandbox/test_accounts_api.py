"""Account information: what a consent covers, page by page, and every documented refusal."""

import re
import uuid
from typing import Any

import pytest

from tests.partners.sandbox.visitor import AISP, EVERYTHING, Visitor

UNKNOWN = "aur-0000000000"


async def test_balances_are_available_and_booked(visitor: Visitor) -> None:
    headers = await visitor.linked()
    account = (await visitor.first())["accounts"][0]["AccountId"]
    before = await visitor.http.get(f"{AISP}/accounts/{account}/balances", headers=headers)

    await visitor.buy(amount="12.34")
    after = await visitor.http.get(f"{AISP}/accounts/{account}/balances", headers=headers)

    moved = {
        old["Type"]: _minor(new) - _minor(old)
        for old, new in zip(
            before.json()["Data"]["Balance"], after.json()["Data"]["Balance"], strict=True
        )
    }
    assert moved == {"ITAV": -1234, "ITBD": 0}
    line = {"Included": False, "Type": "Pre-Agreed"}
    assert [
        each.get("CreditLine", [{}])[0].items() >= line.items()
        for each in after.json()["Data"]["Balance"]
    ] == [True, False]


def _minor(balance: dict[str, Any]) -> int:
    whole = int(balance["Amount"]["Amount"].replace(".", ""))
    return whole if balance["CreditDebitIndicator"] == "Credit" else -whole


async def test_pages_hold_every_transaction_once_newest_first(visitor: Visitor) -> None:
    headers = await visitor.linked()
    account = (await visitor.first())["accounts"][0]["AccountId"]

    listed = await visitor.transactions(headers, account)

    ids = [one["TransactionId"] for one in listed]
    assert len(ids) > 100
    assert len(set(ids)) == len(ids)


async def test_new_purchases_do_not_disturb_a_reader_between_pages(visitor: Visitor) -> None:
    headers = await visitor.linked()
    account = (await visitor.first())["accounts"][0]["AccountId"]
    whole = [one["TransactionId"] for one in await visitor.transactions(headers, account)]
    first = await visitor.http.get(f"{AISP}/accounts/{account}/transactions", headers=headers)

    await visitor.buy(amount="3.00")
    rest = await visitor.http.get(first.json()["Links"]["Next"], headers=headers)

    seen = [
        one["TransactionId"]
        for page in (first, rest)
        for one in page.json()["Data"]["Transaction"]
    ]
    assert seen == whole[: len(seen)]


async def test_dates_filter_by_the_banks_own_clock(visitor: Visitor) -> None:
    headers = await visitor.linked()
    account = (await visitor.first())["accounts"][0]["AccountId"]
    whole = await visitor.transactions(headers, account)
    middle = whole[len(whole) // 2]["BookingDateTime"]
    local = re.sub(r"[+-]\d\d:\d\d$", "", middle)

    since = await visitor.transactions(headers, account, fromBookingDateTime=local)
    until = await visitor.transactions(headers, account, toBookingDateTime=f"{local}+09:00")

    assert since == [one for one in whole if one["BookingDateTime"] >= middle]
    assert until == [one for one in whole if one["BookingDateTime"] <= middle]


async def test_a_booked_purchase_keeps_its_id_and_gets_a_value_date(visitor: Visitor) -> None:
    headers = await visitor.linked()
    bought = await visitor.buy(amount="7.00", merchant="Bar Prova", mcc="5814", country="IT")
    pending = (await visitor.transactions(headers, bought["AccountId"]))[0]

    await visitor.control("POST", "book")
    booked = (await visitor.transactions(headers, bought["AccountId"]))[0]

    assert (pending["Status"], booked["Status"]) == ("PDNG", "BOOK")
    assert pending["TransactionId"] == booked["TransactionId"]
    assert "ValueDateTime" not in pending
    assert "ValueDateTime" in booked
    assert pending["MerchantDetails"] == {
        "MerchantName": "Bar Prova",
        "MerchantCategoryCode": "5814",
    }
    assert re.fullmatch(r"\*{4} \d{4}", pending["CardInstrument"]["Identification"])
    assert pending["ProprietaryBankTransactionCode"]["Code"] == "CARD_PURCHASE"
    assert re.search(r"\+0[12]:00$", pending["BookingDateTime"])


async def test_a_suspicious_purchase_carries_the_signal_and_the_exchange(
    visitor: Visitor,
) -> None:
    headers = await visitor.linked()

    bought = await visitor.buy(suspicious=True)

    told = (await visitor.transactions(headers, bought["AccountId"]))[0]
    assert told["SupplementaryData"]["FraudSignal"] == "suspected"
    assert told["SupplementaryData"]["MerchantCountry"] not in {"", "IT"}
    assert told["SupplementaryData"]["CardId"] == bought["CardId"]
    assert told["CurrencyExchange"]["TargetCurrency"] == "EUR"


async def test_transaction_ids_repeat_across_accounts(visitor: Visitor) -> None:
    headers = await visitor.linked()
    accounts = [one["AccountId"] for one in (await visitor.first())["accounts"]]

    ids = [
        {one["TransactionId"] for one in await visitor.transactions(headers, account)}
        for account in accounts[:2]
    ]

    assert ids[0] & ids[1] != set()


async def test_a_consent_for_some_accounts_shows_no_others(visitor: Visitor) -> None:
    accounts = [one["AccountId"] for one in (await visitor.first())["accounts"]]
    headers = await visitor.linked(account_ids=accounts[:1])

    listed = await visitor.http.get(f"{AISP}/accounts", headers=headers)
    bulk = await visitor.http.get(f"{AISP}/balances", headers=headers)

    assert [one["AccountId"] for one in listed.json()["Data"]["Account"]] == accounts[:1]
    assert {one["AccountId"] for one in bulk.json()["Data"]["Balance"]} == set(accounts[:1])
    for account in (accounts[1], UNKNOWN):
        for path in ("", "/balances", "/transactions"):
            refused = await visitor.http.get(f"{AISP}/accounts/{account}{path}", headers=headers)
            assert (refused.status_code, refused.json()["Errors"][0]["ErrorCode"]) == (403, "U008")


async def test_permissions_hold(visitor: Visitor) -> None:
    account = (await visitor.first())["accounts"][0]["AccountId"]
    tokens = await visitor.tokens(
        permissions=["ReadAccountsBasic", "ReadTransactionsBasic", "ReadTransactionsCredits"]
    )
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}

    shown = await visitor.http.get(f"{AISP}/accounts/{account}", headers=headers)
    balances = await visitor.http.get(f"{AISP}/accounts/{account}/balances", headers=headers)
    listed = await visitor.transactions(headers, account)

    assert "Account" not in shown.json()["Data"]["Account"][0]
    assert balances.status_code == 403
    assert {one["CreditDebitIndicator"] for one in listed} == {"Credit"}
    assert [one for one in listed if "TransactionInformation" in one] == []


async def test_a_deleted_consent_is_gone_with_its_tokens(visitor: Visitor) -> None:
    tokens = await visitor.tokens()
    own = await visitor.client_headers()
    path = f"{AISP}/account-access-consents/{tokens['ConsentId']}"
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    before = await visitor.http.get(path, headers=own)

    deleted = await visitor.http.delete(path, headers=own)

    assert before.json()["Data"]["Status"] == "AUTH"
    assert deleted.status_code == 204
    assert (await visitor.http.get(path, headers=own)).status_code == 400
    assert (await visitor.http.get(f"{AISP}/accounts", headers=bearer)).status_code == 401


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ([], "U004"),
        ({"Risk": {}}, "U004"),
        ({"Data": {"Permissions": EVERYTHING}}, "U002"),
        ({"Data": {"Permissions": EVERYTHING}, "Risk": {"x": 1}}, "U002"),
        ({"Data": {"Permissions": []}, "Risk": {}}, "U004"),
        ({"Data": {"Permissions": ["ReadEverything"]}, "Risk": {}}, "U002"),
        ({"Data": {"Permissions": [7]}, "Risk": {}}, "U002"),
        ({"Data": {"Permissions": ["ReadTransactionsBasic"]}, "Risk": {}}, "U001"),
        ({"Data": {"Permissions": EVERYTHING, "More": 1}, "Risk": {}}, "U005"),
        (
            {
                "Data": {"Permissions": EVERYTHING, "ExpirationDateTime": "2001-01-01T00:00:00Z"},
                "Risk": {},
            },
            "U003",
        ),
        (
            {"Data": {"Permissions": EVERYTHING, "TransactionFromDateTime": "soon"}, "Risk": {}},
            "U003",
        ),
    ],
)
async def test_a_consent_with_a_mistake_is_refused_by_code(
    visitor: Visitor, body: Any, code: str
) -> None:
    headers = await visitor.client_headers()

    answer = await visitor.http.post(f"{AISP}/account-access-consents", json=body, headers=headers)

    assert (answer.status_code, answer.json()["Errors"][0]["ErrorCode"]) == (400, code)


@pytest.mark.parametrize(
    ("content", "media", "status"),
    [
        (b"{", "application/json", 400),
        (b'{"Data": "\\u0000"}', "application/json", 400),
        (b'{"Data": "\\ud800"}', "application/json", 400),
        (b"[" * 50_000, "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"x" * 70_000, "application/json", 413),
    ],
)
async def test_bodies_that_cannot_be_read_are_refused(
    visitor: Visitor, content: bytes, media: str, status: int
) -> None:
    headers = {**await visitor.client_headers(), "Content-Type": media}

    answer = await visitor.http.post(
        f"{AISP}/account-access-consents", content=content, headers=headers
    )

    assert answer.status_code == status
    assert answer.json()["Errors"]


@pytest.mark.parametrize(
    "query", ["page=nonsense", "page=MTIz", "fromBookingDateTime=2026-13-01", "page=%ff"]
)
async def test_bad_queries_are_refused(visitor: Visitor, query: str) -> None:
    headers = await visitor.linked()
    account = (await visitor.first())["accounts"][0]["AccountId"]

    answer = await visitor.http.get(
        f"{AISP}/accounts/{account}/transactions?{query}", headers=headers
    )

    assert answer.status_code == 400


async def test_a_nul_in_an_address_is_refused(visitor: Visitor) -> None:
    headers = await visitor.client_headers()

    for address in ("account-access-consents/%00", "accounts?page=%00"):
        answer = await visitor.http.get(f"{AISP}/{address}", headers=headers)
        assert answer.status_code == 400


async def test_the_correlation_id_comes_back(visitor: Visitor) -> None:
    headers = await visitor.linked()
    sent = str(uuid.uuid4())

    good = await visitor.http.get(
        f"{AISP}/accounts", headers={**headers, "x-fapi-interaction-id": sent}
    )
    bad = await visitor.http.get(
        f"{AISP}/accounts", headers={**headers, "x-fapi-interaction-id": "mine"}
    )

    assert good.headers["x-fapi-interaction-id"] == sent
    assert bad.status_code == 400
    assert uuid.UUID(bad.headers["x-fapi-interaction-id"])


async def test_tokens_are_needed_and_of_the_right_kind(visitor: Visitor) -> None:
    own = await visitor.client_headers()
    linked = await visitor.linked()
    consents = f"{AISP}/account-access-consents"

    assert (await visitor.http.get(f"{AISP}/accounts")).status_code == 401
    guessed = {"Authorization": "Bearer guess"}
    assert (await visitor.http.get(f"{AISP}/accounts", headers=guessed)).status_code == 401
    assert (await visitor.http.get(f"{AISP}/accounts", headers=own)).status_code == 403
    assert (await visitor.http.post(consents, json={}, headers=linked)).status_code == 403


async def test_what_the_bank_does_not_offer_is_404_and_wrong_methods_405(
    visitor: Visitor,
) -> None:
    missing = await visitor.http.get(f"{AISP}/statements")
    wrong = await visitor.http.put(f"{AISP}/accounts")
    refused = await visitor.http.get(f"{AISP}/accounts", headers={"Accept": "text/html"})

    assert (missing.status_code, missing.json()["Errors"][0]["ErrorCode"]) == (404, "U011")
    assert wrong.status_code == 405
    assert refused.status_code == 406


async def test_joint_accounts_belong_to_both(visitor: Visitor) -> None:
    people = (await visitor.control("GET", "customers"))["customers"]

    shared = {one["AccountId"] for one in people[0]["accounts"]} & {
        one["AccountId"] for one in people[1]["accounts"]
    }

    assert len(shared) == 1
