"""A freeze at a bank that is down, hangs, answers late, refuses or loses the request.

Whatever happens on the way, the words in the end equal what the bank has done, and never say more.
"""

import time

import pytest
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.disclosure.models import Disclosure
from partners.alerts.models import Alert
from partners.banks.models import Bank, Customer
from partners.connections.models import Connection
from partners.instructions.actions import NothingToFreeze, request_freeze
from partners.instructions.carrying import carry_due
from partners.instructions.models import Instruction
from partners.sharing import overview
from partners.sharing.gate import NotFoundHere
from partners.sharing.timeline import timeline
from portal.outbox.models import OutboxEvent
from portal.tenancy.blocks import serving, serving_customer
from tests.partners.instructions.conftest import LOGIN, later
from tests.sandbox_bank import SandboxBank, know_customer

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


def carried(bank: Bank, *, after: float = 0) -> tuple[str, str]:
    carry_due(bank_id=bank.id, clock=later(after), at_most=1)
    with serving(bank.id):
        instruction = Instruction.objects.get()
    return instruction.status, instruction.reason


def told(bank: Bank) -> list[str]:
    with serving(bank.id):
        found = OutboxEvent.objects.filter(name="partners.instruction_changed").order_by("id")
        return [each.data["status"] for each in found]


def is_frozen(sandbox: SandboxBank, instruction: Instruction) -> bool:
    """Whether the bank's own books say that the card is frozen."""
    accounts = sandbox.customers()[LOGIN]["accounts"]
    cards = [card for account in accounts for card in account["cards"]]
    return bool(next(c["frozen"] for c in cards if c["CardId"] == instruction.card_id))


def test_a_bank_that_is_down_is_unknown_after_a_while_and_done_once_it_is_back(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    sandbox.be(down=True)
    first = carried(bank)
    second = carried(bank, after=40)
    sandbox.be()
    third = carried(bank, after=80)

    assert [first[0], second[0], third[0]] == ["requested", "unknown", "done"]
    assert told(bank) == ["unknown", "done"]
    assert is_frozen(sandbox, asked)


def test_an_answer_after_our_time_out_is_found_by_asking(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    sandbox.be(freeze="late", freeze_after_ms=1500)
    first = carried(bank)
    time.sleep(1.5)
    sandbox.be()
    second = carried(bank, after=5)

    assert (first[0], second[0]) == ("requested", "done")
    assert is_frozen(sandbox, asked)


def test_a_bank_that_acts_and_then_hangs_is_not_asked_to_act_twice(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    sandbox.be(freeze="hang")
    first = carried(bank)
    sandbox.be()
    second = carried(bank, after=5)

    seen = sandbox.do("GET", "ledger?after=0")
    received = [each for each in seen["instructions"] if each["InstructionId"] == str(asked.id)]
    assert (first[0], second[0]) == ("requested", "done")
    assert [each["times_received"] for each in received] == [1]


def told_to_bank(bank: Bank) -> list[Disclosure]:
    """What the record says that the bank was told."""
    with serving(bank.id):
        return list(Disclosure.objects.filter(recipient="bank"))


def test_what_the_bank_is_told_is_on_the_customers_record_once_it_leaves(
    sandbox: SandboxBank, bank: Bank, customer: Customer, asked: Instruction
) -> None:
    before = told_to_bank(bank)
    sandbox.be(freeze="hang")
    carried(bank)
    sandbox.be()
    carried(bank, after=5)

    (row,) = told_to_bank(bank)
    assert before == []
    assert (row.door, row.feed, row.decision, row.row_count) == (
        "instruction",
        "freeze",
        "released",
        1,
    )
    assert (row.pseudonym, row.consent_id) == (customer.pseudonym, asked.consent_id)
    assert (row.purpose, row.account_ids) == ("see_in_chat", [str(asked.account_id)])
    with serving_customer(bank.id, customer.id):
        (tick,) = [
            each
            for each in timeline(bank, at=timezone.now()).ticks
            if each["door"] == "instruction"
        ]
        readers = overview.recipients(bank, at=timezone.now())
    assert (tick["decision"], tick["id"]) == ("released", row.id)
    # The bank reads nothing under the consent: it was only told.
    assert [each["access_count"] for each in readers] == [0]


def test_what_was_asked_before_the_consent_ended_is_carried_out_and_said(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    with serving(bank.id):
        revoke_consent(consent_id=Consent.objects.get().id, at=timezone.now(), by="customer")

    assert carried(bank)[0] == "done"
    assert is_frozen(sandbox, asked)
    assert len(told_to_bank(bank)) == 1


def test_a_suspended_bank_is_told_nothing_until_it_is_admitted_again(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    Bank.objects.update(status=Bank.Status.SUSPENDED)
    first = carried(bank)
    second = carried(bank, after=40)
    heard = sandbox.do("GET", "ledger?after=0")["instructions"]
    recorded = told_to_bank(bank)
    Bank.objects.update(status=Bank.Status.ADMITTED)
    third = carried(bank, after=80)

    assert [first[0], second[0], third[0]] == ["requested", "unknown", "done"]
    assert str(asked.id) not in {each["InstructionId"] for each in heard}
    assert recorded == []
    assert is_frozen(sandbox, asked)


@pytest.mark.usefixtures("asked")
def test_a_request_that_was_lost_on_the_way_is_sent_again(
    sandbox: SandboxBank, bank: Bank
) -> None:
    sandbox.be(freeze="lost")
    first = carried(bank)
    sandbox.be()
    second = carried(bank, after=5)

    assert (first[0], second[0]) == ("requested", "done")


def test_a_refusal_is_said_as_the_bank_says_it(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    sandbox.be(freeze="fail")

    assert carried(bank) == ("failed", "not_allowed")
    assert told(bank) == ["failed"]
    assert not is_frozen(sandbox, asked)


@pytest.mark.usefixtures("asked")
def test_nonsense_claims_nothing(sandbox: SandboxBank, bank: Bank) -> None:
    sandbox.be(malformed=True)
    first = carried(bank)
    sandbox.be()
    second = carried(bank, after=5)

    assert (first[0], second[0]) == ("requested", "done")


def test_pending_is_asked_again_until_it_is_settled(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    sandbox.be(freeze="pending", freeze_after_ms=300)
    first = carried(bank)
    deadline = time.monotonic() + 10
    while not is_frozen(sandbox, asked) and time.monotonic() < deadline:
        time.sleep(0.1)
    second = carried(bank, after=5)

    assert (first[0], second[0]) == ("requested", "done")


def test_a_connection_that_has_ended_before_the_sending_is_a_failure(
    sandbox: SandboxBank, bank: Bank, asked: Instruction
) -> None:
    with serving(bank.id):
        Connection.objects.update(status="revoked")

    assert carried(bank) == ("failed", "not_connected")
    assert not is_frozen(sandbox, asked)


@pytest.mark.usefixtures("asked")
def test_a_connection_that_has_ended_after_a_sending_is_unknown(
    sandbox: SandboxBank, bank: Bank
) -> None:
    sandbox.be(freeze="hang")
    carried(bank)
    with serving(bank.id):
        Connection.objects.update(status="revoked")

    assert carried(bank, after=5)[0] == "unknown"


def test_a_second_tap_is_the_same_instruction_and_settled_ones_rest(
    bank: Bank, customer: Customer, alert: Alert, asked: Instruction
) -> None:
    carried(bank)
    with serving_customer(bank.id, customer.id):
        again = request_freeze(alert_id=alert.id, customer_id=customer.id, at=timezone.now())

    assert (again.id, again.status) == (asked.id, "done")
    assert carry_due(bank_id=bank.id, clock=later(3600)) == 0


def test_another_customer_cannot_ask_and_a_balance_cannot_be_frozen(
    bank: Bank, customer: Customer, alert: Alert
) -> None:
    other = know_customer(bank, {"id": "other", "name": "Other"})
    with serving(bank.id):
        low = Alert.objects.create(
            account_id=alert.account_id,
            alert_type="low_balance",
            once_key="low_balance:test",
            rule_version=1,
            raised_at=timezone.now(),
        )

    with serving_customer(bank.id, other.id), pytest.raises(NotFoundHere):
        request_freeze(alert_id=alert.id, customer_id=other.id, at=timezone.now())
    with serving_customer(bank.id, customer.id), pytest.raises(NothingToFreeze):
        request_freeze(alert_id=low.id, customer_id=customer.id, at=timezone.now())
