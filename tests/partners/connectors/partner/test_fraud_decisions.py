"""Fraud decisions, against the description that banks build from."""

import json
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from partners.connectors.base import (
    BadAnswer,
    BankRefused,
    FraudDecision,
    InstructionOutcome,
    Request,
    drive,
)
from partners.connectors.partner import fraud_decisions
from tests.contracts.connectors.dialects import (
    ADDRESS,
    GRANT,
    NOW,
    answer,
)

ROOT = Path(__file__).resolve().parents[4]
SPEC: dict[str, Any] = yaml.safe_load(
    (ROOT / "partners" / "connectors" / "partner" / "openapi.yaml").read_text()
)
DECISION = "0199c1a2-0000-7000-8000-000000000002"


def schema(name: str) -> Draft202012Validator:
    whole = {"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}
    return Draft202012Validator(whole)


def put(decision: FraudDecision = "not_me", decided_at: datetime = NOW) -> Any:
    return fraud_decisions.put(
        ADDRESS,
        grant=GRANT,
        decision_id=DECISION,
        account_external_id="acc-0001",
        transaction_external_id="t-1",
        decision=decision,
        decided_at=decided_at,
    )


def outcome(**changes: object) -> dict[str, object]:
    return {
        "DecisionId": DECISION,
        "Status": "done",
        "SettledAt": "2026-03-30T11:00:02+02:00",
        "FailureReason": None,
    } | changes


def test_the_description_has_the_path_that_we_ask() -> None:
    request: Request = next(put())

    path = next(each for each in SPEC["paths"] if each.startswith("/fraud-decisions/"))
    base = SPEC["servers"][0]["url"]
    assert request.url == f"{ADDRESS.base_url}{base}{path.replace('{DecisionId}', DECISION)}"


@pytest.mark.parametrize("decision", ["was_me", "not_me"])
def test_what_we_tell_is_as_described(decision: FraudDecision) -> None:
    body = json.loads(next(put(decision)).body)

    schema("FraudDecision").validate(body)
    assert body["Decision"] == decision


def test_when_the_customer_decided_is_told_in_utc() -> None:
    rome = timezone(timedelta(hours=2))

    body = json.loads(next(put(decided_at=datetime(2026, 7, 1, 1, 30, tzinfo=rome))).body)

    assert body["DecidedAt"] == "2026-06-30T23:30:00+00:00"


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({}, InstructionOutcome("done", datetime(2026, 3, 30, 9, 0, 2, tzinfo=UTC))),
        ({"Status": "pending", "SettledAt": None}, InstructionOutcome("pending")),
        (
            {"Status": "failed", "SettledAt": None, "FailureReason": "transaction_not_found"},
            InstructionOutcome("failed", None, "transaction_not_found"),
        ),
    ],
)
def test_what_is_as_described_is_read(
    changes: dict[str, object], read: InstructionOutcome
) -> None:
    body = outcome(**changes)

    schema("DecisionOutcome").validate(body)
    assert drive(put(), lambda _request: answer(body, 201)) == read


@pytest.mark.parametrize("changes", [{"SettledAt": None}, {"Status": "ok"}, {"DecisionId": "x"}])
def test_what_is_not_as_described_is_no_outcome(changes: dict[str, object]) -> None:
    with pytest.raises(BadAnswer):
        drive(put(), lambda _request: answer(outcome(**changes)))


def test_a_bank_without_decisions_refuses_and_does_not_crash_us() -> None:
    with pytest.raises(BankRefused):
        drive(put(), lambda _request: answer({"detail": "Not Found"}, 404))
