"""The unit of work: one transaction that serves exactly one bank, with exactly one reach.

`serving` sees the whole bank, `serving_customer` one customer's rows, `serving_consent` what one
consent names. The row policies read what these blocks set; unset sees nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from enum import StrEnum
from uuid import UUID

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.utils.module_loading import import_string


class Reach(StrEnum):
    BANK = "bank"
    CUSTOMER = "customer"
    CONSENT = "consent"


@dataclass(frozen=True)
class CustomerReach:
    """Whose rows a block may see: the customer, their pseudonym in the disclosure log, their accounts."""

    customer_id: UUID
    pseudonym: UUID
    account_ids: tuple[UUID, ...]


@dataclass(frozen=True)
class Served:
    """What the open block serves. `consent_id` is set under Reach.CONSENT alone."""

    bank_id: UUID
    reach: Reach
    customer_id: UUID | None = None
    pseudonym: UUID | None = None
    account_ids: tuple[UUID, ...] = ()
    consent_id: UUID | None = None


class NoBankServed(RuntimeError):
    """A tenant's row was asked for outside any block."""


class OtherBankServed(RuntimeError):
    """A block for one bank was opened inside a block for another."""


class NotServed(LookupError):
    """The customer or consent that a block should serve does not exist at that bank."""


_served: ContextVar[Served | None] = ContextVar("portal_served", default=None)


def served() -> Served:
    """The open block. Raises NoBankServed outside of one."""
    now = _served.get()
    if now is None:
        raise NoBankServed("open serving(), serving_customer() or serving_consent() first")
    return now


def is_serving() -> bool:
    """Whether a unit of work, and so a transaction, is open here."""
    return _served.get() is not None


def current_bank_id() -> UUID:
    """The bank of the open block: the default of every tenant row's `bank`."""
    return served().bank_id


def _settings_of(now: Served | None) -> Iterable[tuple[str, str]]:
    accounts = ",".join(str(UUID(str(each))) for each in now.account_ids) if now else ""
    yield "portal.bank_id", str(now.bank_id) if now else ""
    yield "portal.reach", now.reach.value if now else ""
    yield "portal.customer_id", str(now.customer_id) if now and now.customer_id else ""
    yield "portal.pseudonym", str(now.pseudonym) if now and now.pseudonym else ""
    yield "portal.account_ids", "{" + accounts + "}" if now else ""


def _apply(now: Served | None) -> None:
    # SET LOCAL takes no parameters; every value here is a UUID or one of our own words.
    statement = "; ".join(f"SET LOCAL {name} = '{value}'" for name, value in _settings_of(now))
    with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def _unit_of_work(now: Served) -> Iterator[Served]:
    outer = _served.get()
    if outer is not None and outer.bank_id != now.bank_id:
        raise OtherBankServed(f"{outer.bank_id} is served; {now.bank_id} has to wait")
    nested = connections[DEFAULT_DB_ALIAS].in_atomic_block
    with transaction.atomic():
        _apply(now)
        token = _served.set(now)
        try:
            yield now
        finally:
            _served.reset(token)
        if nested:
            # SET LOCAL outlives a released savepoint; a rolled back one undoes it by itself.
            _apply(outer)


@contextmanager
def serving(bank_id: UUID) -> Iterator[Served]:
    """One transaction for one bank, seeing all of that bank's rows."""
    with _unit_of_work(Served(bank_id=UUID(str(bank_id)), reach=Reach.BANK)) as now:
        yield now


@contextmanager
def _narrowed(now: Served, find: Callable[[], CustomerReach | None]) -> Iterator[Served]:
    with _unit_of_work(now):
        reached = find()
        if reached is None:
            raise NotServed
        wider = replace(
            now,
            customer_id=reached.customer_id,
            pseudonym=reached.pseudonym,
            account_ids=reached.account_ids,
        )
        _apply(wider)
        token = _served.set(wider)
        try:
            yield wider
        finally:
            _served.reset(token)


@contextmanager
def serving_customer(bank_id: UUID, customer_id: UUID) -> Iterator[Served]:
    """One transaction for one customer: their rows, and those of the accounts linked to them.

    Raises NotServed when the bank has no such customer.
    """
    customer_id = UUID(str(customer_id))
    find = import_string(settings.TENANCY_REACH_OF_CUSTOMER)
    now = Served(bank_id=UUID(str(bank_id)), reach=Reach.CUSTOMER, customer_id=customer_id)
    with _narrowed(now, lambda: find(customer_id=customer_id)) as wider:
        yield wider


@contextmanager
def serving_customer_alone(bank_id: UUID, customer_id: UUID) -> Iterator[Served]:
    """One transaction for what is the customer's own and no account's: a hot read that asks for no links.

    Rows of accounts, and the disclosures of a pseudonym, are out of its reach. Whether there is such a
    customer it does not ask: of nobody there are no rows.
    """
    now = Served(
        bank_id=UUID(str(bank_id)),
        reach=Reach.CUSTOMER,
        customer_id=UUID(str(customer_id)),
    )
    with _unit_of_work(now):
        yield now


@contextmanager
def serving_consent(bank_id: UUID, consent_id: UUID) -> Iterator[Served]:
    """One transaction within one consent: its customer's rows, and the accounts it names alone.

    Raises NotServed when the bank has no such consent; whether it is live is the gate's to say.
    """
    consent_id = UUID(str(consent_id))
    bank_id = UUID(str(bank_id))
    find = import_string(settings.TENANCY_REACH_OF_CONSENT)
    # Who the customer is can only be read with the bank's reach; that read ends before ours begins.
    with _unit_of_work(Served(bank_id=bank_id, reach=Reach.BANK)):
        reached = find(consent_id=consent_id)
    if reached is None:
        raise NotServed
    now = Served(bank_id=bank_id, reach=Reach.CONSENT, consent_id=consent_id)
    with _narrowed(now, lambda: reached) as wider:
        yield wider
