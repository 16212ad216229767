"""A ledger of fifty banks that holds millions of rows already, on servers of the benchmark's own."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

import psycopg

from partners.connectors.base import TransactionRecord

BANKS = 50
ACCOUNTS_A_BANK = 20
DAYS = 300
# As a bank's page: what an alert rule looks at is on the newest days alone.
_FILL = """
    INSERT INTO partners_entry
      (bank_id, account_id, id, occurrence, change_seq, created_at, changed_at, external_id, status, kind,
       amount_minor, currency, original_currency, exchange_rate, booked_on, booked_on_source, description,
       merchant_name, merchant_category, merchant_country, card_id, card_last4, fraud_suspected, fingerprint,
       source, bank_references)
    SELECT a.bank_id, a.id, uuidv7(), 1, n, now(), now(), 'old-' || n, 'posted', 'card_purchase',
       -(n %% 90000 + 1), 'EUR', '', '', current_date - (n %% 300)::int, 'date', 'CARD PAYMENT ' || n,
       'Shop ' || n %% 331, '5411', 'IT', 'card-1', '4242', false,
       md5(a.id::text || n)::uuid, 'live:uk_open_banking', ''
    FROM partners_account a, generate_series(%(first)s::bigint, %(last)s::bigint) n
"""


@dataclass(frozen=True)
class Target:
    """Where rows are written: a claimed cursor of an account that has none yet."""

    bank_id: UUID
    account_id: UUID
    claim: Any


def make_banks() -> list[Any]:
    made: Any = import_module("tests.factories.accounts")
    banks = []
    for _ in range(BANKS):
        bank = made.make_bank()
        made.share(bank)
        for _ in range(ACCOUNTS_A_BANK):
            made.make_account(bank)
        banks.append(bank)
    return banks


def fill(superuser_url: str, *, before: int, total: int) -> None:
    """So many more rows, spread evenly over all accounts; as nobody's role, past the row policies."""
    accounts = BANKS * ACCOUNTS_A_BANK
    place = {"first": before // accounts + 1, "last": total // accounts}
    with psycopg.connect(superuser_url, autocommit=True) as connection:
        connection.execute(_FILL, place)
        connection.execute("UPDATE partners_account SET change_seq = %s", [place["last"]])
        connection.execute("VACUUM ANALYZE partners_entry")
        connection.execute("CHECKPOINT")


def make_target(bank: Any) -> Target:
    """A fresh account of the bank, linked and being read."""
    made: Any = import_module("tests.factories.accounts")
    cursors: Any = import_module("partners.feeds.cursors")
    blocks: Any = import_module("portal.tenancy.blocks")
    models: Any = import_module("partners.feeds.models")
    customer, account = made.make_customer(bank), made.make_account(bank)
    made.make_link(customer, account)
    held = made.make_connection(customer)
    now = datetime.now(UTC)
    with blocks.serving(bank.id):
        models.FeedCursor.objects.update(due_at=None, lease_until=None)
        cursors.start_reading(
            connection_id=held.id, account_ids=[account.id], kinds=["transactions"], at=now
        )
        claim = cursors.claim_due(at=datetime.now(UTC), lease=timedelta(hours=1))
    if claim is None:
        raise RuntimeError("the account's cursor was not due")
    return Target(bank.id, account.id, claim)


def records(count: int, *, seed: int) -> list[TransactionRecord]:
    """Invented card payments, oldest first, over the last 300 days."""
    draw = random.Random(seed)  # noqa: S311  # invented amounts
    today = datetime.now(UTC).date()
    return [
        TransactionRecord(
            external_id=f"new-{number:012d}",
            status="posted",
            amount_minor=-draw.randrange(1, 100_000),
            currency="EUR",
            booked_on=today - timedelta(days=DAYS - number * DAYS // count),
            booked_on_source="date",
            kind="card_purchase",
            description=f"CARD PAYMENT {number} SHOP {draw.randrange(999)}",
            merchant_name=f"Shop {draw.randrange(331)}",
            merchant_category="5411",
            merchant_country="IT",
            card_id="card-1",
            card_last4="4242",
        )
        for number in range(count)
    ]


def told_anew(rows: Sequence[TransactionRecord], *, every: int) -> list[TransactionRecord]:
    """The same rows; one in so many under another text."""
    return [
        replace(row, description=f"{row.description} ANEW") if place % every == 0 else row
        for place, row in enumerate(rows)
    ]
