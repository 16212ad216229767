"""The bank's answers held against the published UK Open Banking 4.0 schemas."""

import functools
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.partners.sandbox.visitor import AISP, EVERYTHING, Visitor

SPECS = Path(__file__).resolve().parents[4] / "shared/specs/uk-open-banking"
pytestmark = pytest.mark.skipif(
    not SPECS.is_dir(), reason="needs ../shared/specs, which is not part of the project"
)


@functools.cache
def checker_of(file: str, name: str) -> jsonschema.Draft4Validator:
    """Checks by one schema of a specification, with all that it refers to."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": _components(file)}
    return jsonschema.Draft4Validator(schema, format_checker=jsonschema.FormatChecker())


@functools.cache
def _components(file: str) -> Any:
    return yaml.load((SPECS / file).read_text(), Loader=yaml.CSafeLoader)["components"]


def complaints(answer: Any, file: str, name: str) -> list[str]:
    """What the schema finds wrong, by place."""
    found = checker_of(file, name).iter_errors(answer)
    return [f"{list(error.path)}: {error.validator}" for error in found]


ACCOUNTS = "account-info-openapi.yaml"


async def test_a_schema_does_complain() -> None:
    assert complaints({"Data": {"Transaction": [{}]}}, ACCOUNTS, "OBReadTransaction6") != []


async def test_consents_hold(visitor: Visitor) -> None:
    headers = await visitor.client_headers()
    body = {
        "Data": {
            "Permissions": EVERYTHING,
            "ExpirationDateTime": "2099-05-02T00:00:00+00:00",
            "TransactionFromDateTime": "2017-05-03T00:00:00+00:00",
        },
        "Risk": {},
    }

    made = await visitor.http.post(f"{AISP}/account-access-consents", json=body, headers=headers)
    read = await visitor.http.get(made.json()["Links"]["Self"], headers=headers)

    assert complaints(body, ACCOUNTS, "OBReadConsent1") == []
    assert complaints(made.json(), ACCOUNTS, "OBReadConsentResponse1") == []
    assert complaints(read.json(), ACCOUNTS, "OBReadConsentResponse1") == []


async def test_accounts_and_balances_hold(visitor: Visitor) -> None:
    headers = await visitor.linked()

    accounts = (await visitor.http.get(f"{AISP}/accounts", headers=headers)).json()
    balances = (await visitor.http.get(f"{AISP}/balances", headers=headers)).json()

    assert complaints(accounts, ACCOUNTS, "OBReadAccount6") == []
    assert complaints(balances, ACCOUNTS, "OBReadBalance1") == []
    for account in accounts["Data"]["Account"]:
        assert complaints(account, ACCOUNTS, "OBAccount6Detail") == []


async def test_every_kind_of_transaction_holds(visitor: Visitor) -> None:
    headers = await visitor.linked()
    login = (await visitor.first())["login"]
    await visitor.buy(suspicious=True)
    await visitor.buy(amount="8.00", currency="JPY", country="JP")
    await visitor.control("POST", f"customers/{login}/refund", {})

    seen: set[str] = set()
    for account in (await visitor.first())["accounts"]:
        url = f"{AISP}/accounts/{account['AccountId']}/transactions"
        page = (await visitor.http.get(url, headers=headers)).json()
        listed = await visitor.transactions(headers, account["AccountId"])
        seen |= {one["ProprietaryBankTransactionCode"]["Code"] for one in listed}
        assert complaints(page, ACCOUNTS, "OBReadTransaction6") == []
        assert [
            found for one in listed for found in complaints(one, ACCOUNTS, "OBTransaction6Detail")
        ] == []

    assert seen == {
        "CARD_PURCHASE",
        "CARD_REFUND",
        "SALARY",
        "TRANSFER_IN",
        "TRANSFER_OUT",
        "DIRECT_DEBIT",
        "FEE",
    }


async def test_refusals_hold(visitor: Visitor) -> None:
    headers = await visitor.linked()
    own = await visitor.client_headers()

    refused = [
        await visitor.http.get(f"{AISP}/accounts/nothing", headers=headers),
        await visitor.http.get(f"{AISP}/accounts"),
        await visitor.http.get(f"{AISP}/statements", headers=headers),
        await visitor.http.post(f"{AISP}/account-access-consents", json={}, headers=own),
    ]

    assert [answer.status_code for answer in refused] == [403, 401, 404, 400]
    for answer in refused:
        assert complaints(answer.json(), ACCOUNTS, "OBErrorResponse1") == []
        assert "x-fapi-interaction-id" in answer.headers
