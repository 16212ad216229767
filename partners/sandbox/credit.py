"""What the invented banks let an account go below what it holds: agreed, and counted in no balance."""

from __future__ import annotations

from psycopg.rows import DictRow

from partners.sandbox import money

# An overdraft, by kind of account, in whole units of its currency. Cards have a limit of nothing: what is owed is owed.
_OVERDRAFTS = {"current": 500}


def credit_line(row: DictRow) -> int | None:
    """The account's credit line in minor units; None where it has none."""
    units = _OVERDRAFTS.get(row["kind"])
    return None if units is None else units * 10 ** money.exponent(row["currency"])
