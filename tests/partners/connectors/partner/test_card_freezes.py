"""Card freezes, against the description that banks build from."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from partners.connectors.base import (
    AuthorisationRevoked,
    BadAnswer,
    BankRefused,
    InstructionOutcome,
    Request,
    drive,
)
from partners.connectors.partner import card_freezes
from tests.contracts.connectors.dialects import (
    ADDRESS,
    GRANT,
    answer,
)

ROOT = Path(__file__).resolve().parents[4]
SPEC: dict[str, Any] = yaml.safe_load(
    (ROOT / "partners" / "connectors" / "partner" / "openapi.yaml").read_text()
)
INSTRUCTION = "0199c1a2-0000-7000-8000-000000000001"
SETTLED = "2026-03-30T11:00:02+02:00"


def schema(name: str) -> Draft202012Validator:
    whole = {"$ref": f"#/components/schemas/{name}", "components": SPEC["components"]}
    return Draft202012Validator(whole)


def put(action: card_freezes.Action = "freeze", card_id: str | None = "card-1") -> Any:
    return card_freezes.put(
        ADDRESS,
        action=action,
        grant=GRANT,
        instruction_id=INSTRUCTION,
        account_external_id="acc-0001",
        card_id=card_id,
        reason="r" * 300,
    )


def outcome(**changes: object) -> dict[str, object]:
    return {
        "InstructionId": INSTRUCTION,
        "Status": "done",
        "SettledAt": SETTLED,
        "FailureReason": None,
    } | changes


def test_the_description_has_the_path_that_we_ask() -> None:
    request: Request = next(put())

    path = next(each for each in SPEC["paths"] if each.startswith("/card-freezes/"))
    base = SPEC["servers"][0]["url"]
    assert SPEC["openapi"].startswith("3.1")
    assert request.url == f"{ADDRESS.base_url}{base}{path.replace('{InstructionId}', INSTRUCTION)}"


@pytest.mark.parametrize("action", ["freeze", "unfreeze"])
@pytest.mark.parametrize("card_id", ["card-1", None])
def test_what_we_ask_is_as_described(action: card_freezes.Action, card_id: str | None) -> None:
    body = json.loads(next(put(action, card_id)).body)

    schema("CardFreeze").validate(body)
    assert body["Action"] == action
    assert body.get("CardId") == card_id


@pytest.mark.parametrize(
    ("changes", "read"),
    [
        ({}, InstructionOutcome("done", datetime(2026, 3, 30, 9, 0, 2, tzinfo=UTC))),
        ({"Status": "pending", "SettledAt": None}, InstructionOutcome("pending")),
        (
            {"Status": "failed", "FailureReason": "already_closed"},
            InstructionOutcome(
                "failed", datetime(2026, 3, 30, 9, 0, 2, tzinfo=UTC), "already_closed"
            ),
        ),
        (
            {"Status": "failed", "SettledAt": None, "FailureReason": "a_word_of_next_year"},
            InstructionOutcome("failed", None, "a_word_of_next_year"),
        ),
    ],
)
def test_what_is_as_described_is_read(
    changes: dict[str, object], read: InstructionOutcome
) -> None:
    body = outcome(**changes)

    schema("Outcome").validate(body)
    assert drive(put(), lambda _request: answer(body, 201)) == read


@pytest.mark.parametrize(
    "changes",
    [
        {"SettledAt": None},
        {"SettledAt": 1774861202},
        {"Status": "frozen"},
        {"Status": None},
        {"InstructionId": None},
    ],
)
def test_what_is_not_as_described_is_no_outcome(changes: dict[str, object]) -> None:
    body = outcome(**changes)

    assert not schema("Outcome").is_valid(body)
    with pytest.raises(BadAnswer):
        drive(put(), lambda _request: answer(body))


def test_a_reason_that_is_no_word_is_other() -> None:
    body = outcome(Status="failed", FailureReason="Sorry, Mr Hollin!")

    assert drive(put(), lambda _request: answer(body)).reason == "other"


@pytest.mark.parametrize("status", [400, 403, 404, 409, 422])
def test_a_refused_instruction_says_with_which_code(status: int) -> None:
    body = {"Errors": [{"ErrorCode": "U008", "Message": "private"}]}
    schema("Errors").validate(body)

    with pytest.raises(BankRefused) as refused:
        drive(put(), lambda _request: answer(body, status))

    assert refused.value.code == "U008"


def test_a_freeze_under_a_consent_that_is_over_says_so() -> None:
    with pytest.raises(AuthorisationRevoked):
        drive(put(), lambda _request: answer({"Errors": [{"ErrorCode": "U009"}]}, 403))


@pytest.mark.parametrize("status", [202, 204, 206])
def test_a_success_that_is_not_described_is_no_outcome(status: int) -> None:
    with pytest.raises(BadAnswer):
        drive(put(), lambda _request: answer(outcome(), status))
