"""What an attack found, in words: the answers of each operation, and whether it reached what it should."""

from collections import Counter
from collections.abc import Iterator

from tests.attacks.principals import Principal
from tests.attacks.run import Attacked

# Too many requests, and a token that holds no longer.
NOT_LOOKED_AT = {429, 401}
TRESPASS = 0
_GOOD = range(200, 400)
# More than this share of them and the rest says little.
BLIND_SHARE = 0.05
_FINDINGS = "= FAILURES ="


def faults(principal: Principal, found: Attacked, operations: frozenset[str]) -> list[str]:
    """Why this attack did not pass; nothing where it did."""
    return [
        *([] if found.passed else ["schemathesis found what is below"]),
        *_trespasses(principal, found),
        *_not_reached(principal, found, operations),
        *_blind(found),
    ]


def _trespasses(principal: Principal, found: Attacked) -> Iterator[str]:
    for operation, answers in found.tally.items():
        opened = sum(n for status, n in answers.items() if status in _GOOD)
        if operation in principal.shut and opened:
            yield f"{operation} opened {opened} times, and is shut to it"
        elif answers[TRESPASS]:
            yield f"{operation} opened {answers[TRESPASS]} times for an id that is another's"


def _not_reached(
    principal: Principal, found: Attacked, operations: frozenset[str]
) -> Iterator[str]:
    """Operations that never once answered as they do to somebody at home: nothing behind them was tried."""
    if principal.foreign:
        return
    for operation in sorted(operations):
        answers = found.tally.get(operation, Counter())
        if not any(status in _GOOD for status in answers):
            yield f"{operation} was never got into"


def _blind(found: Attacked) -> Iterator[str]:
    answers = [pair for each in found.tally.values() for pair in each.items()]
    slowed, all_of_them = (
        sum(n for status, n in answers if status in NOT_LOOKED_AT),
        sum(n for status, n in answers if status != TRESPASS),
    )
    if not all_of_them or slowed / all_of_them > BLIND_SHARE:
        yield f"{slowed} of {all_of_them} answers were 429 or 401: raise PORTAL_LIMIT_FACTOR, renew tokens"


def table(found: Attacked) -> str:
    """One line an operation: how many requests, the share of 2xx, 3xx and 4xx, and each status."""
    width = max(map(len, found.tally), default=0)
    return "\n".join(
        f"  {operation:<{width}} {_shares(answers)}"
        for operation, answers in sorted(found.tally.items(), key=lambda each: each[0].split()[1])
    )


def _shares(answers: Counter[int]) -> str:
    counted = {status: n for status, n in sorted(answers.items()) if status != TRESPASS}
    total = sum(counted.values())
    shares = [
        f"{sum(n for status, n in counted.items() if status // 100 == kind) / total:5.0%}"
        for kind in (2, 3, 4)
    ]
    each = " ".join(f"{status}:{n}" for status, n in counted.items())
    return f"{total:6} {' '.join(shares)}  {each}"


def findings(found: Attacked) -> str:
    """schemathesis's own words, from where it begins to accuse."""
    _before, begins, words = found.words.partition(_FINDINGS)
    return begins + words if begins else found.words
