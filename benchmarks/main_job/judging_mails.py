"""Who must have had a mail: each customer about each card of a suspected fraud, which nobody here looks at.

One that comes again under its own Message-ID is the same mail (docs/words.md, Notices).
"""

from collections import Counter
from collections.abc import Mapping

from benchmarks.main_job.records import BankRow, CustomerView
from benchmarks.main_job.verdict import Verdict

FRAUD = "fraud_suspected"


def judge_mails(
    verdict: Verdict,
    customer: CustomerView,
    expected: Mapping[str, tuple[BankRow, str]],
    pairs: Mapping[str, BankRow],
) -> None:
    """`expected`: the bank's row -> itself and the type of the card that is due about it."""
    due = {key for key, (_row, kind) in expected.items() if kind == FRAUD}
    # The card of a row, as it came: one that did not come is missed already.
    about = {
        card.message: pairs[card.row].key
        for card in customer.cards
        if card.row in pairs and pairs[card.row].key in due
    }
    mails = {each.id: each for each in customer.mails}
    came: Counter[str] = Counter()
    for mail in mails.values():
        if mail.message in about:
            came[about[mail.message]] += 1
        elif mail.message not in customer.thread:
            verdict.find("wrong_mail", customer.name, f"mail {mail.id} is about no such card")
    for key in set(about.values()):
        if not came[key]:
            verdict.find("lost", customer.name, f"no mail about {key}")
        for _ in range(came[key] - 1):
            verdict.find("duplicated", customer.name, f"several mails about {key}")
    verdict.counts["mails_expected"] += len(due)
    verdict.counts["mails_delivered"] += len(came)
    verdict.counts["mails_repeated"] += len(customer.mails) - len(mails)
