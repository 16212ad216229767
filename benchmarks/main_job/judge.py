"""The verdict: what must have happened, by the banks' ledgers and the written definitions, against what was seen.

Pure functions of what was seen. Nothing here knows how the portal works.
"""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from itertools import pairwise

from benchmarks.main_job.definitions import LOW_BALANCE, alerts_of, card_of
from benchmarks.main_job.judging_mails import judge_mails
from benchmarks.main_job.judging_webhooks import judge_webhooks
from benchmarks.main_job.matching import Key, Matched, key_of, match
from benchmarks.main_job.records import (
    BankRow,
    BankView,
    Card,
    CustomerView,
    Money,
    PortalRow,
    ProgramView,
    Seen,
)
from benchmarks.main_job.verdict import Verdict

STATUS = {"pending": "pending", "booked": "posted"}


def judge(seen: Seen) -> Verdict:
    """Look at everything once."""
    verdict = Verdict()
    missed: set[str] = set()
    for customer in seen.customers:
        bank = seen.banks[customer.bank]
        rows = rows_of(bank, customer.accounts.values(), customer.history_from)
        expected = expected_cards(customer, bank)
        matched = match(
            rows,
            customer.rows,
            due={key: kind for key, (_row, kind) in expected.items()},
            told={each.row: each.alert_type for each in customer.cards},
        )
        missed |= {row.key for row in matched.lost}
        _judge_rows(verdict, customer.name, matched, customer.rows, bank)
        _judge_copy(verdict, customer.name, customer.rows, customer.synced)
        _judge_cards(verdict, customer, expected, matched.pairs)
        judge_mails(verdict, customer, expected, matched.pairs)
        _judge_low_balances(verdict, customer, bank)
        _judge_balances(verdict, customer, bank)
    for program in seen.programs:
        _judge_program(verdict, program, seen)
    _count_alerts(verdict, seen)
    played = {row.key for bank in seen.banks.values() for row in bank.rows if row.is_played}
    verdict.counts["bank_transactions"] = len(played)
    verdict.counts["stored"] = len(_held(seen) & played - missed)
    return verdict


def rows_of(bank: BankView, accounts: Iterable[str], since: date) -> list[BankRow]:
    """The bank's rows of these accounts that may be shown: not removed, not before `since`."""
    mine = set(accounts)
    return [
        row
        for row in bank.rows
        if row.account in mine and row.status in STATUS and _day(row, bank) >= since
    ]


def _day(row: BankRow, bank: BankView) -> date:
    return row.at.astimezone(bank.home.zone).date()


def _held(seen: Seen) -> set[str]:
    """What is in accounts that somebody has linked."""
    linked = {
        (each.bank, account) for each in seen.customers for account in each.accounts.values()
    }
    return {
        row.key
        for bank in seen.banks.values()
        for row in bank.rows
        if (bank.name, row.account) in linked and row.status in STATUS
    }


# --- rows -----------------------------------------------------------------------------------


def _judge_rows(
    verdict: Verdict, who: str, matched: Matched, shown: Sequence[PortalRow], bank: BankView
) -> None:
    for row in matched.lost:
        verdict.find("lost", who, f"transaction {row.key} is not shown")
    for each in matched.doubled:
        verdict.find("duplicated", who, f"transaction {each.id} is shown again")
    for row, _each in matched.altered:
        verdict.find("wrong_amount", who, f"transaction {row.key} is shown with another amount")
    for each in matched.unknown:
        verdict.find("wrong_row", who, f"transaction {each.id} is none of the bank's")
    for each in shown:
        known = matched.pairs.get(each.id)
        for name in () if known is None else _differing(known, each, bank):
            verdict.find("wrong_row", who, f"transaction {each.id} has another {name}")


def _differing(row: BankRow, shown: PortalRow, bank: BankView) -> list[str]:
    facts = {
        "status": (STATUS[row.status], shown.status),
        "kind": (row.kind.lower(), shown.kind),
        "day": (_day(row, bank), shown.booked_on),
    }
    return [name for name, (wanted, is_so) in facts.items() if wanted != is_so]


def _judge_copy(
    verdict: Verdict, who: str, listed: Sequence[PortalRow], synced: Sequence[PortalRow]
) -> None:
    """A copy kept by `transactions/sync` is what the list shows."""
    theirs, ours = {each.id: each for each in listed}, {each.id: each for each in synced}
    for key in sorted(theirs.keys() | ours.keys()):
        if theirs.get(key) != ours.get(key):
            verdict.find(
                "wrong_copy", who, f"transaction {key} is not in the copy as it is listed"
            )


def _judge_program(verdict: Verdict, program: ProgramView, seen: Seen) -> None:
    owner = next(each for each in seen.customers if each.name == program.customer)
    bank = seen.banks[owner.bank]
    who = f"the program of {program.customer}"
    rows = rows_of(bank, program.accounts.values(), program.history_from)
    matched = match(
        rows,
        program.rows,
        due={key: kind for key, (_row, kind) in expected_cards(owner, bank).items()},
        told={each.row: each.alert_type for each in owner.cards},
    )
    _judge_rows(verdict, who, matched, program.rows, bank)
    _judge_copy(verdict, who, program.rows, program.synced)
    judge_webhooks(verdict, program, owner, bank, matched.pairs)


# --- cards ----------------------------------------------------------------------------------


def expected_cards(customer: CustomerView, bank: BankView) -> dict[str, tuple[BankRow, str]]:
    """The bank's row -> the type of card that this customer must get about it."""
    mine = set(customer.accounts.values())
    told = {}
    for row in bank.rows:
        if row.account in mine:
            alerts = alerts_of(row, rules=bank.rules, home=bank.home, linked_at=customer.linked_at)
            kind = card_of(alerts, customer.alert_types)
            if kind is not None:
                told[row.key] = (row, kind)
    return told


def _judge_cards(
    verdict: Verdict,
    customer: CustomerView,
    expected: Mapping[str, tuple[BankRow, str]],
    pairs: Mapping[str, BankRow],
) -> None:
    others = [each for each in customer.cards if each.alert_type != LOW_BALANCE]
    verdict.counts["cards_expected"] += len(expected)
    verdict.counts["cards_delivered"] += len(others)
    arrived: dict[str, list[Card]] = defaultdict(list)
    in_order: list[BankRow] = []
    for card in others:
        row = pairs.get(card.row)
        if row is None:
            verdict.find("wrong_alert", customer.name, f"card {card.message} is about nothing")
            continue
        if row.key not in arrived:
            in_order.append(row)
        arrived[row.key].append(card)
    for key in arrived.keys() - expected.keys():
        verdict.find("wrong_alert", customer.name, f"a card about {key} was not due")
    for key, (row, kind) in expected.items():
        _judge_card(verdict, customer.name, row, kind, arrived.get(key, []))
    moved = out_of_order(in_order, among=(row for row, _kind in expected.values()))
    for _ in range(moved):
        verdict.find("out_of_order", customer.name, "a card came before an earlier one")
    _judge_thread(verdict, customer)


def _judge_card(
    verdict: Verdict, who: str, row: BankRow, kind: str, cards: Sequence[Card]
) -> None:
    if not cards:
        verdict.find("lost", who, f"no {kind} card about {row.key}")
        return
    for _ in cards[1:]:
        verdict.find("duplicated", who, f"{len(cards)} cards about {row.key}")
    first = cards[0]
    latency = first.received_at - row.committed_at.timestamp()
    verdict.latencies.append(latency)
    verdict.by_bank.setdefault(row.key.partition("/")[0], []).append(latency)
    if first.alert_type != kind:
        verdict.find("wrong_alert", who, f"{first.alert_type} and not {kind} about {row.key}")
    if first.money != row.money:
        verdict.find("wrong_amount", who, f"the card about {row.key} shows another amount")


def out_of_order(rows: Sequence[BankRow], *, among: Iterable[BankRow] = ()) -> int:
    """How many would have to be moved so that each account's are in the order of its bank's ledger.

    Rows that say exactly the same, the second too, are told apart by nobody: each is taken for the
    first of them (and of those `among` which it could be) that fits behind what came before.
    """
    free: dict[Key, list[int]] = defaultdict(list)
    for row in {each.key: each for each in (*rows, *among)}.values():
        free[key_of(row)].append(row.seq)
    by_account: dict[str, list[int]] = defaultdict(list)
    for row in rows:
        came = by_account[row.account]
        same = sorted(free[key_of(row)])
        fitting = [each for each in same if not came or each > came[-1]]
        came.append((fitting or same)[0])
        free[key_of(row)].remove(came[-1])
    return sum(len(seqs) - _longest_rising(seqs) for seqs in by_account.values())


def _longest_rising(numbers: Iterable[int]) -> int:
    tails: list[int] = []
    for each in numbers:
        place = bisect_left(tails, each)
        tails[place : place + 1] = [each]
    return len(tails)


def _judge_thread(verdict: Verdict, customer: CustomerView) -> None:
    """What the socket told is what the conversation holds over REST, in the same order."""
    if [each.message for each in customer.cards] != list(customer.thread):
        verdict.find("wrong_thread", customer.name, "the conversation and the socket differ")


# --- balances -------------------------------------------------------------------------------


def _judge_balances(verdict: Verdict, customer: CustomerView, bank: BankView) -> None:
    for account, kinds in bank.balances.items():
        if account not in customer.accounts.values():
            continue
        shown = customer.balances.get(account, {})
        for kind, money in kinds.items():
            if shown.get(kind) != money:
                verdict.find("wrong_balance", customer.name, f"{kind} of {account}")


def _judge_low_balances(verdict: Verdict, customer: CustomerView, bank: BankView) -> None:
    """When balances are read is the portal's choice: so at least, and at most, so many."""
    told = sum(each.alert_type == LOW_BALANCE for each in customer.cards)
    least, most = low_balance_bounds(customer, bank)
    verdict.counts["low_balances"] += told
    for _ in range(least - told):
        verdict.find("lost", customer.name, "a balance fell, and no card said so")
    for _ in range(told - most):
        verdict.find("wrong_alert", customer.name, "a card says that a balance fell")


def low_balance_bounds(customer: CustomerView, bank: BankView) -> tuple[int, int]:
    """The fewest and the most low-balance cards that readings at any times could give."""
    rule = bank.rules.get(LOW_BALANCE)
    if rule is None or rule.over is None or LOW_BALANCE not in customer.alert_types:
        return 0, 0
    least = most = 0
    for account in set(customer.accounts.values()):
        held = bank.balances.get(account, {}).get("available")
        if held is None or held.currency != rule.over.currency:
            continue
        path = _path(bank.rows, account, held, since=customer.linked_at)
        below = [each < rule.over.amount for each in path]
        least += not below[0] and below[-1]
        most += sum(now and not before for before, now in pairwise(below))
    return least, most


def _path(rows: Sequence[BankRow], account: str, held: Money, *, since: datetime) -> list[Decimal]:
    """What was available when it was linked, and after each row since."""
    moved = [
        row.money.amount
        for row in rows
        if row.account == account and (row.is_played or row.committed_at >= since)
    ]
    path = [held.amount - sum(moved, Decimal())]
    for amount in moved:
        path.append(path[-1] + amount)
    return path


# --- counts ---------------------------------------------------------------------------------


def _count_alerts(verdict: Verdict, seen: Seen) -> None:
    """The alerts that banks' rules raise, whoever may be told of them; each row's once."""
    first_linked: dict[tuple[str, str], CustomerView] = {}
    for each in seen.customers:
        for account in each.accounts.values():
            earlier = first_linked.setdefault((each.bank, account), each)
            if each.linked_at < earlier.linked_at:
                first_linked[each.bank, account] = each
    for bank in seen.banks.values():
        for row in bank.rows:
            customer = first_linked.get((bank.name, row.account))
            if customer is not None:
                alerts = alerts_of(
                    row, rules=bank.rules, home=bank.home, linked_at=customer.linked_at
                )
                verdict.counts["alerts_expected"] += len(alerts)
