"""What every connector must do with a freeze and a decision, whatever protocol it speaks."""

from datetime import UTC, datetime

import pytest

from partners.connectors.base import BadAnswer, Connector, InstructionOutcome, Response, drive
from tests.contracts.connectors.dialects import GRANT, Dialect
from tests.contracts.connectors.operations import INSTRUCTION, decide, freeze, replies, sent

# Freezes


def test_freeze_names_the_instruction_so_that_twice_is_once(
    bank: Connector, dialect: Dialect
) -> None:
    done = dialect.frozen(INSTRUCTION)

    first, second = sent(freeze(bank), done)[0], sent(freeze(bank), done)[0]

    assert first == second
    assert INSTRUCTION in first.url


def test_freeze_is_done_when_the_bank_says_so_and_when(bank: Connector, dialect: Dialect) -> None:
    outcome = drive(freeze(bank), replies(dialect.frozen(INSTRUCTION)))

    assert outcome == InstructionOutcome("done", datetime(2026, 3, 30, 9, 0, 2, tzinfo=UTC))


def test_freeze_that_failed_says_why(bank: Connector, dialect: Dialect) -> None:
    failed = dialect.frozen(INSTRUCTION, Status="failed", FailureReason="card_not_found")

    outcome = drive(freeze(bank), replies(failed))

    assert (outcome.status, outcome.reason) == ("failed", "card_not_found")


@pytest.mark.parametrize(
    "changes",
    [
        {"InstructionId": "another"},
        {"SettledAt": None},
        {"SettledAt": "2026-03-30"},
        {"Status": "frozen"},
        {"Status": None},
    ],
)
def test_freeze_is_not_done_on_an_answer_that_does_not_hold_together(
    bank: Connector, dialect: Dialect, changes: dict[str, object]
) -> None:
    with pytest.raises(BadAnswer):
        drive(freeze(bank), replies(dialect.frozen(INSTRUCTION, **changes)))


def test_freeze_status_of_what_never_arrived_is_unknown_to_the_bank(bank: Connector) -> None:
    steps = bank.freeze_status(grant=GRANT, instruction_id=INSTRUCTION)

    outcome = drive(steps, replies(Response(404)))

    assert outcome == InstructionOutcome("unknown_to_bank")


# Decisions


def test_report_decision_names_it_so_that_twice_is_once(bank: Connector, dialect: Dialect) -> None:
    done = dialect.decided(INSTRUCTION)

    first, second = sent(decide(bank), done)[0], sent(decide(bank), done)[0]

    assert first == second
    assert INSTRUCTION in first.url


def test_report_decision_is_done_when_the_bank_says_so(bank: Connector, dialect: Dialect) -> None:
    outcome = drive(decide(bank), replies(dialect.decided(INSTRUCTION)))

    assert outcome == InstructionOutcome("done", datetime(2026, 3, 30, 9, 0, 2, tzinfo=UTC))


def test_decision_status_of_what_never_arrived_is_unknown_to_the_bank(bank: Connector) -> None:
    steps = bank.decision_status(grant=GRANT, decision_id=INSTRUCTION)

    outcome = drive(steps, replies(Response(404)))

    assert outcome == InstructionOutcome("unknown_to_bank")
