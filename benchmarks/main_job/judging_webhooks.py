"""What a program must have been sent by webhook: each alert once, and a word of each row that changed.

Something sent again under its own id is the same thing: docs/webhooks.md promises no less, and no more.
"""

from collections import Counter
from collections.abc import Mapping

from benchmarks.main_job.definitions import LOW_BALANCE, alerts_of
from benchmarks.main_job.records import BankRow, BankView, CustomerView, Hook, ProgramView
from benchmarks.main_job.verdict import Verdict

ALERT, CHANGE = "alert.raised", "transactions.changed"
Due = tuple[str, str]  # the bank's row, the type of the alert


def judge_webhooks(
    verdict: Verdict,
    program: ProgramView,
    owner: CustomerView,
    bank: BankView,
    pairs: Mapping[str, BankRow],
) -> None:
    """`pairs`: the portal's id of a row that the program can read -> the bank's row."""
    who = f"the program of {program.customer}"
    hooks = {each.id: each for each in program.hooks}
    _judge_alerts(verdict, who, _due(program, owner, bank), hooks, pairs)
    _judge_changes(verdict, who, hooks, pairs)
    verdict.counts["webhooks_repeated"] += len(program.hooks) - len(hooks)
    for _ in range(program.unproven):
        verdict.find("wrong_webhook", who, "one has no good signature")


def _due(program: ProgramView, owner: CustomerView, bank: BankView) -> dict[Due, BankRow]:
    """Every alert of a type that the consent names, whatever the customer's own card is about."""
    return {
        (row.key, alert_type): row
        for row in bank.rows
        for alert_type in alerts_of(
            row, rules=bank.rules, home=bank.home, linked_at=owner.linked_at
        )
        if (row.account, alert_type) in program.alerts
    }


def _judge_alerts(
    verdict: Verdict,
    who: str,
    due: Mapping[Due, BankRow],
    hooks: Mapping[str, Hook],
    pairs: Mapping[str, BankRow],
) -> None:
    came: Counter[Due] = Counter()
    for hook in hooks.values():
        # When balances are read is the portal's choice: cards are held to its bounds.
        if hook.type != ALERT or hook.alert_type == LOW_BALANCE:
            continue
        row = pairs.get(hook.row)
        if row is None or (row.key, hook.alert_type) not in due:
            verdict.find("wrong_alert", who, f"webhook {hook.id} was not due")
            continue
        came[row.key, hook.alert_type] += 1
        if hook.money != row.money:
            verdict.find("wrong_amount", who, f"webhook {hook.id} says another amount")
    for each in due:
        key, alert_type = each
        if not came[each]:
            verdict.find("lost", who, f"no webhook of {alert_type} about {key}")
        for _ in range(came[each] - 1):
            verdict.find("duplicated", who, f"several webhooks of {alert_type} about {key}")
    verdict.counts["webhooks_expected"] += len(due)
    verdict.counts["webhooks_delivered"] += len(came)


def _judge_changes(
    verdict: Verdict, who: str, hooks: Mapping[str, Hook], pairs: Mapping[str, BankRow]
) -> None:
    changes = [each for each in hooks.values() if each.type == CHANGE]
    named = {row for each in changes for row in each.rows}
    # Told that there is more than it was told of, a program reads all of the account.
    whole = {each.account for each in changes if each.has_more}
    for shown, row in pairs.items():
        if not row.is_played:
            continue
        verdict.counts["webhooks_expected"] += 1
        if shown in named or row.account in whole:
            verdict.counts["webhooks_delivered"] += 1
        else:
            verdict.find("lost", who, f"no webhook names {row.key}")
