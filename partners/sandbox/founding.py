"""The bank's first day: customers, accounts and a year of history written in bulk."""

from __future__ import annotations

import datetime as dt
import logging

from partners.sandbox.bank import Bank
from partners.sandbox.keys import fingerprint
from partners.sandbox.ledger import Entry, transaction_number
from partners.sandbox.papers import write_past_papers
from partners.sandbox.people import (
    InventedAccount,
    InventedCustomer,
    invent_customers,
    invent_history,
)
from partners.sandbox.storage.database import Connection, read_fact, remember_fact

_log = logging.getLogger("sandbox.founding")
_BOOKING_LAG = dt.timedelta(hours=30)
_EVERYTHING = """TRUNCATE customers, accounts, account_holders, cards, transactions, history,
    instructions, decisions, receipts, parcels, updates, consents, consent_accounts, authorisations, authorisation_codes, tokens,
    notifications RESTART IDENTITY CASCADE"""


class SeedChanged(Exception):
    """The kept bank was founded from other settings."""


async def found(bank: Bank) -> None:
    """Write the invented year, once. A later start with another seed or size is refused."""
    wanted = f"{bank.settings.seed}/{bank.settings.customers}"
    async with bank.pool.connection() as connection, connection.transaction():
        await connection.execute("LOCK TABLE bank_facts IN EXCLUSIVE MODE")
        kept = await read_fact(connection, "founded_from")
        if kept is None:
            await _write_everything(bank, connection)
            await remember_fact(connection, "founded_from", wanted)
        elif kept != wanted:
            raise SeedChanged(
                f"this bank was founded with seed/customers {kept}, not {wanted}: "
                "use those, another database, or POST /_control/reset of the running bank"
            )
        await _register_client(bank, connection)


async def found_again(bank: Bank) -> None:
    """Forget every customer and movement and begin anew; keys and clients stay."""
    async with bank.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(hashtext(current_schema()))")
        await connection.execute(_EVERYTHING)
        await _write_everything(bank, connection)


async def _register_client(bank: Bank, connection: Connection) -> None:
    client = bank.settings.client
    if client is not None:
        await register_client(
            connection,
            client_id=client.client_id,
            name=client.name,
            client_secret=client.client_secret,
            redirect_uris=[client.redirect_uri],
        )


async def register_client(
    connection: Connection,
    *,
    client_id: str,
    name: str | None,
    client_secret: str,
    redirect_uris: list[str],
    notify_url: str | None = None,
    notify_host: str | None = None,
) -> None:
    """Make a client known, or change what is known of it."""
    await connection.execute(
        """INSERT INTO clients (id, name, secret_hash, redirect_uris, notify_url, notify_host)
           VALUES (%s, %s, %s, %s, %s, %s)
           ON CONFLICT (id) DO UPDATE SET name = excluded.name,
             secret_hash = excluded.secret_hash, redirect_uris = excluded.redirect_uris, notify_url = excluded.notify_url,
             notify_host = excluded.notify_host""",
        (
            client_id,
            name or "",
            fingerprint(client_secret),
            redirect_uris,
            notify_url,
            notify_host,
        ),
    )


async def _write_everything(bank: Bank, connection: Connection) -> None:
    until = _end_of_history(bank)
    people = invent_customers(bank.profile, seed=bank.settings.seed, count=bank.settings.customers)
    ids = {person.position: person for person in people}
    for person in people:
        await _write_customer(connection, person)
    for person in people:
        for account in person.accounts:
            await write_account(connection, account, people=ids, at=until)
    movements = {
        person.position: invent_history(bank.profile, person, seed=bank.settings.seed, until=until)
        for person in people
    }
    await _write_history(connection, movements, until=until)
    await write_past_papers(bank, connection, until=until)
    await _settle_balances(connection, people)
    await remember_fact(connection, "history_until", until.isoformat())
    cursor = await connection.execute("SELECT coalesce(max(seq), 0) AS seq FROM history")
    row = await cursor.fetchone()
    await remember_fact(connection, "seeded_until", str(row["seq"] if row else 0))
    await remember_fact(connection, "epoch", bank.now().isoformat())
    _log.info("founded customers=%s movements=%s", len(people), row["seq"] if row else 0)


def _end_of_history(bank: Bank) -> dt.datetime:
    """The moment the invented year ends: the day named, or a little before now."""
    day = bank.settings.history_until
    if day is None:
        return bank.now() - dt.timedelta(minutes=5)
    return dt.datetime.combine(day, dt.time(20), tzinfo=bank.profile.tz).astimezone(dt.UTC)


async def _write_customer(connection: Connection, person: InventedCustomer) -> None:
    await connection.execute(
        """INSERT INTO customers (id, position, login, password, name, since)
           VALUES (%s, %s, %s, %s, %s, %s)""",
        (
            person.id,
            person.position,
            person.login,
            person.password,
            person.name,
            person.since,
        ),
    )


async def write_account(
    connection: Connection,
    account: InventedAccount,
    *,
    people: dict[int, InventedCustomer],
    at: dt.datetime,
) -> None:
    """Keep an account with its holders and card."""
    holders = [people[position] for position in account.holders if position in people]
    opened = dt.datetime.combine(holders[0].since, dt.time(9), tzinfo=dt.UTC)
    await connection.execute(
        """INSERT INTO accounts (id, kind, name, currency, scheme, identification, opened_at, changed_at)
           VALUES (%s, %s, %s, %s, %s, %s, %s, %s)""",
        (
            account.id,
            account.kind,
            account.name,
            account.currency,
            account.scheme,
            account.identification,
            opened,
            at,
        ),
    )
    for holder in holders:
        await connection.execute(
            """INSERT INTO account_holders (account_id, customer_id, position)
               VALUES (%s, %s, (SELECT count(*) FROM account_holders WHERE customer_id = %s))""",
            (account.id, holder.id, holder.id),
        )
    if account.card:
        await connection.execute(
            "INSERT INTO cards (id, account_id, customer_id, last4, name) VALUES (%s, %s, %s, %s, %s)",
            (account.card.id, account.id, holders[0].id, account.card.last4, account.card.name),
        )


async def _write_history(
    connection: Connection, movements: dict[int, list[Entry]], *, until: dt.datetime
) -> None:
    """All movements, booked, with the two steps of a card purchase's life."""
    numbers: dict[str, int] = {}
    ordered = sorted(
        (entry for entries in movements.values() for entry in entries),
        key=lambda entry: entry.occurred_at,
    )
    columns = """account_id, transaction_id, status, kind, amount_minor, currency, original_minor,
        original_currency, exchange_rate, occurred_at, value_at, description, merchant_name,
        merchant_category, merchant_country, card_id, fraud_suspected, source"""
    cursor = connection.cursor()
    async with cursor.copy(f"COPY transactions ({columns}) FROM STDIN".encode()) as copy:
        for entry in ordered:
            numbers[entry.account_id] = numbers.get(entry.account_id, 0) + 1
            await copy.write_row(_copied(entry, numbers[entry.account_id], until))
    await connection.execute(
        """INSERT INTO history (transaction_key, account_id, card_id, what, transaction_id,
             amount_minor, currency, by, at)
           SELECT t.key, t.account_id, t.card_id, step.what, t.transaction_id, t.amount_minor,
             t.currency, t.source, step.at
           FROM transactions t CROSS JOIN LATERAL (VALUES ('pending', t.occurred_at),
             ('booked', t.value_at)) AS step(what, at)
           WHERE step.what = 'booked' OR t.kind = 'CARD_PURCHASE'
           ORDER BY step.at, t.key"""
    )
    for account_id, last in numbers.items():
        await connection.execute(
            "UPDATE accounts SET next_number = %s WHERE id = %s", (last + 1, account_id)
        )


def _copied(entry: Entry, number: int, until: dt.datetime) -> tuple[object, ...]:
    lag = _BOOKING_LAG if entry.kind == "CARD_PURCHASE" else dt.timedelta()
    value_at = min(entry.occurred_at + lag, until)
    return (
        entry.account_id,
        transaction_number(number),
        "booked",
        entry.kind,
        entry.amount_minor,
        entry.currency,
        entry.original_minor,
        entry.original_currency,
        entry.exchange_rate,
        entry.occurred_at,
        value_at,
        entry.description,
        entry.merchant_name,
        entry.merchant_category,
        entry.merchant_country,
        entry.card_id,
        entry.fraud_suspected,
        entry.source,
    )


async def _settle_balances(connection: Connection, people: list[InventedCustomer]) -> None:
    """Balances end where they were invented to end: what came before the year makes up the rest."""
    for account in (account for person in people for account in person.accounts):
        await connection.execute(
            """UPDATE accounts SET booked_minor = %s, opening_minor = %s - (SELECT
               coalesce(sum(amount_minor), 0) FROM transactions WHERE account_id = accounts.id)
               WHERE id = %s""",
            (account.balance_minor, account.balance_minor, account.id),
        )
