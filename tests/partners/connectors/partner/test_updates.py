"""Receipts and shipments, against the description that banks build from."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator, FormatChecker

from partners.connectors.base import BankRefused, Response, drive
from partners.connectors.partner import receipts, shipments
from tests.contracts.connectors.dialects import (
    ACCOUNT,
    ADDRESS,
    GRANT,
    V4,
    UkDialect,
    receipt_row,
    shipment_row,
)

ROOT = Path(__file__).resolve().parents[4]
SPEC: dict[str, Any] = yaml.safe_load(
    (ROOT / "partners" / "connectors" / "partner" / "openapi.yaml").read_text()
)
DIALECT = UkDialect(V4)
KINDS = pytest.mark.parametrize(
    ("kind", "name", "answered"),
    [
        (receipts, "Receipts", DIALECT.receipts([receipt_row()])),
        (shipments, "Shipments", DIALECT.shipments([shipment_row()])),
    ],
    ids=["receipts", "shipments"],
)


@KINDS
def test_what_the_suite_reads_is_as_described(kind: Any, name: str, answered: Response) -> None:
    whole = {"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}

    Draft202012Validator(whole, format_checker=FormatChecker()).validate(json.loads(answered.body))


@KINDS
def test_the_description_has_the_path_that_we_ask(
    kind: Any, name: str, answered: Response
) -> None:
    steps = kind.read(ADDRESS, grant=GRANT, account_external_id=ACCOUNT, after="")

    path = f"/accounts/{{AccountId}}/{name.lower()}"
    base = SPEC["servers"][0]["url"]
    assert path in SPEC["paths"]
    assert next(steps).url == f"{ADDRESS.base_url}{base}{path.format(AccountId=ACCOUNT)}"


@KINDS
def test_a_bank_without_the_list_refuses_plainly(kind: Any, name: str, answered: Response) -> None:
    steps = kind.read(ADDRESS, grant=GRANT, account_external_id=ACCOUNT, after="")

    with pytest.raises(BankRefused) as refused:
        drive(steps, lambda _request: Response(404))

    assert refused.value.code == "http_404"
