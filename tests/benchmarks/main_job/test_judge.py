"""The judge of the main job: silent where all is so, and with the right word for each fault."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from benchmarks.main_job.judge import judge, low_balance_bounds
from benchmarks.main_job.records import Seen
from benchmarks.main_job.tampering import TAMPERINGS, NothingToSpoil, tampered
from benchmarks.main_job.verdict import Verdict, percentile
from tests.benchmarks.main_job.seen import bought, card, changed, euros, shown, world


def found(verdict: Verdict) -> dict[str, int]:
    return {name: number for name, number in verdict.faults.items() if number}


def three() -> Seen:
    return world(bought(1), bought(2, "25.00"), bought(3, "-2.50", is_suspected=True))


def test_nothing_is_found_where_all_is_so() -> None:
    verdict = judge(three())

    assert found(verdict) == {}
    assert verdict.counts["cards_expected"] == verdict.counts["cards_delivered"] == 3
    assert verdict.counts["bank_transactions"] == verdict.counts["stored"] == 3
    assert verdict.counts["alerts_expected"] == 3
    assert verdict.latencies == pytest.approx([0.5] * 3)


@pytest.mark.parametrize("how", TAMPERINGS)
@pytest.mark.parametrize("seed", range(5))
def test_each_way_of_spoiling_a_card_has_its_own_word(how: str, seed: int) -> None:
    verdict = judge(tampered(three(), how, seed=seed))

    assert {**found(verdict), "wrong_thread": 0} == {TAMPERINGS[how][1]: 1, "wrong_thread": 0}


def test_without_cards_nothing_can_be_spoiled() -> None:
    with pytest.raises(NothingToSpoil):
        tampered(world(), "drop", seed=1)


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda rows: rows[1:], "lost"),
        (lambda rows: [*rows, replace(rows[0], id="another")], "duplicated"),
        (lambda rows: [replace(rows[0], money=euros("-6.00")), *rows[1:]], "wrong_amount"),
        (lambda rows: [replace(rows[0], text="Another shop"), *rows[1:]], "lost"),
        (lambda rows: [replace(rows[0], status="pending"), *rows[1:]], "wrong_row"),
        (
            lambda rows: [
                replace(rows[0], booked_on=rows[0].booked_on - timedelta(days=1)),
                *rows[1:],
            ],
            "wrong_row",
        ),
    ],
)
def test_a_list_that_is_not_the_banks_is_found(change: Any, fault: str) -> None:
    seen = three()
    rows = change(list(seen.customers[0].rows))

    verdict = judge(changed(seen, rows=rows, synced=rows, cards=[], thread=[]))

    assert verdict.faults[fault] > (3 if fault == "lost" else 0)


def test_a_copy_that_differs_from_the_list_is_found() -> None:
    seen = three()
    stale = [replace(seen.customers[0].rows[0], status="pending"), *seen.customers[0].rows[1:]]

    assert found(judge(changed(seen, synced=stale))) == {"wrong_copy": 1}


def test_a_card_that_the_socket_never_brought_is_found_though_the_conversation_has_it() -> None:
    seen = three()

    assert found(judge(changed(seen, thread=[*seen.customers[0].thread, "one more"]))) == {
        "wrong_thread": 1
    }


def test_a_row_in_an_account_that_nobody_linked_is_not_stored_and_not_lost() -> None:
    seen = three()
    stranger = bought(4, account="somebody else's")
    bank = replace(seen.banks["aurelia"], rows=[*seen.banks["aurelia"].rows, stranger])

    verdict = judge(replace(seen, banks={"aurelia": bank}))

    assert found(verdict) == {}
    assert (verdict.counts["bank_transactions"], verdict.counts["stored"]) == (4, 3)


def test_a_removed_row_must_not_be_shown() -> None:
    gone = bought(1, status="removed")
    seen = changed(world(gone, bought(2)), rows=[shown(bought(1)), shown(bought(2))])

    assert judge(seen).faults["wrong_row"] == 1


def test_equals_that_cannot_be_told_apart_may_come_in_any_order() -> None:
    one, other = bought(1, text="Bar"), bought(2, text="Bar")
    other = replace(other, at=one.at, shown_at=one.shown_at)
    seen = world(one, other)
    turned = list(reversed(seen.customers[0].cards))

    assert (
        found(judge(changed(seen, cards=turned, thread=[each.message for each in turned]))) == {}
    )


def test_what_the_customer_does_not_allow_must_not_come() -> None:
    row = bought(1)
    seen = world(row, allowed=frozenset({"refund"}))

    verdict = judge(changed(seen, cards=[card(row, "large_payment")], thread=[f"m-{row.key}"]))

    assert found(judge(seen)) == {}
    assert found(verdict) == {"wrong_alert": 1}


def with_balance(seen: Seen, available: str) -> Seen:
    bank = replace(seen.banks["aurelia"], balances={"acc": {"available": euros(available)}})
    return replace(seen, banks={"aurelia": bank})


@pytest.mark.parametrize(
    ("amounts", "available", "bounds"),
    [
        (["-50.00"], "200.00", (0, 0)),
        (["-200.00"], "50.00", (1, 1)),
        (["-200.00", "200.00"], "250.00", (0, 1)),
        (["-200.00", "200.00", "-200.00"], "50.00", (1, 2)),
        (["-1.00"], "50.00", (0, 0)),
    ],
)
def test_low_balances_lie_between_what_readings_can_see(
    amounts: list[str], available: str, bounds: tuple[int, int]
) -> None:
    rows = [bought(number, amount) for number, amount in enumerate(amounts, start=1)]
    seen = with_balance(world(*rows), available)

    assert low_balance_bounds(seen.customers[0], seen.banks["aurelia"]) == bounds


def test_a_balance_that_the_portal_shows_otherwise_is_found() -> None:
    seen = with_balance(three(), "900.00")

    right = changed(seen, balances={"acc": {"available": euros("900.00")}})
    wrong = changed(seen, balances={"acc": {"available": euros("901.00")}})

    assert (found(judge(right)), found(judge(wrong))) == ({}, {"wrong_balance": 1})


def test_a_percentile_is_one_of_the_values() -> None:
    assert [percentile([3, 1, 2, 4], share) for share in (0, 0.5, 0.99)] == [1, 3, 4]
    assert percentile([], 0.5) == 0


@pytest.mark.parametrize(
    ("mails", "fault"),
    [
        (lambda _mails: [], "lost"),
        (lambda mails: [*mails, replace(mails[0], id="another")], "duplicated"),
        (lambda mails: [*mails, replace(mails[0], id="another", message="m-0")], "wrong_mail"),
    ],
)
def test_each_suspected_fraud_is_one_mail(mails: Any, fault: str) -> None:
    seen = three()
    told = mails(list(seen.customers[0].mails))

    verdict = judge(changed(seen, mails=told))

    assert found(verdict) == {fault: 1}
    assert verdict.counts["mails_expected"] == 1


def test_a_mail_or_webhook_that_comes_again_under_its_own_id_is_the_same_one() -> None:
    seen = three()
    (program,) = seen.programs
    again = replace(seen, programs=[replace(program, hooks=[*program.hooks, program.hooks[-1]])])
    twice = changed(seen, mails=[*seen.customers[0].mails] * 2)

    assert judge(again).is_clean
    assert judge(again).counts["webhooks_repeated"] == 1
    assert judge(twice).is_clean
    assert judge(twice).counts["mails_repeated"] == 1


@pytest.mark.parametrize(
    ("hooks", "fault"),
    [
        (lambda hooks: [replace(hooks[0], rows=hooks[0].rows[1:]), *hooks[1:]], "lost"),
        (lambda hooks: [*hooks, replace(hooks[-1], id="x", alert_type="salary")], "wrong_alert"),
        (lambda hooks: [*hooks[:-1], replace(hooks[-1], money=euros("1.00"))], "wrong_amount"),
    ],
)
def test_each_alert_and_each_changed_row_is_told_to_a_program(hooks: Any, fault: str) -> None:
    seen = three()
    (program,) = seen.programs
    told = replace(program, hooks=hooks(list(program.hooks)))

    assert found(judge(replace(seen, programs=[told]))) == {fault: 1}


def test_a_webhook_without_a_good_signature_is_found() -> None:
    seen = three()
    forged = replace(seen.programs[0], unproven=1)

    assert found(judge(replace(seen, programs=[forged]))) == {"wrong_webhook": 1}
