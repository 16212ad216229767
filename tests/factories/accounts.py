"""Links, consents and client programs; nothing is made that is not asked for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

from django.db.models.expressions import RawSQL
from django.utils import timezone

from accounts.clients.models import Client
from accounts.consent.actions import Resource, grant_consent
from accounts.consent.models import Consent
from accounts.linking.actions import link_account
from partners.alerts.models import AlertRule
from partners.banks.models import Bank, Customer
from partners.connections.models import Connection
from partners.feeds.models import Feed
from partners.integrations.models import Integration
from partners.ledger.models import Account, Balance, Entry
from partners.ledger.staging import SEQS_BEFORE
from portal.tenancy.blocks import serving
from tests.factories.partners import make_account, make_bank, make_customer

_numbers = count(1)
LONG_AGO = date(2000, 1, 1)
ALL_FEEDS = ("balances", "transactions", "receipts", "shipments")


def make_connection(customer: Customer) -> Connection:
    """A working connection of the customer; opens a block of its own."""
    number = next(_numbers)
    at = timezone.now()
    with serving(customer.bank_id):
        integration = Integration.objects.first() or Integration.objects.create(
            base_url="https://api.bank.example",
            authorize_url="https://api.bank.example/authorize",
            token_url="https://api.bank.example/token",
            client_id="portal",
            client_secret="not a real secret",
        )
        return Connection.objects.create(
            customer=customer,
            integration=integration,
            external_consent_id=f"external-consent-{number}",
            access_token="not a real token",
            refresh_token="not a real token",
            token_expires_at=at + timedelta(hours=1),
        )


def make_link(customer: Customer, account: Account, *, at: datetime | None = None) -> None:
    """Tie the two, over a new connection."""
    connection = make_connection(customer)
    with serving(customer.bank_id):
        link_account(
            customer_id=customer.id,
            account_id=account.id,
            connection_id=connection.id,
            at=at or timezone.now(),
        )


def make_client(**fields: object) -> Client:
    """A confidential client program; its secret is `client-secret`."""
    number = next(_numbers)
    defaults: dict[str, object] = {
        "name": f"Program {number}",
        "client_id": f"program-{number}",
        "client_secret": "client-secret",
        "client_type": Client.CLIENT_CONFIDENTIAL,
        "authorization_grant_type": Client.GRANT_CLIENT_CREDENTIALS,
        "feeds": list(ALL_FEEDS),
    }
    return Client.objects.create(**(defaults | fields))


def resources(
    accounts: Sequence[Account],
    *,
    feeds: Sequence[str] = ALL_FEEDS,
    alert_types: Sequence[str] = (),
) -> list[Resource]:
    return [
        Resource(account.id, scope, code)
        for account in accounts
        for scope, codes in (("feed", feeds), ("alert", alert_types))
        for code in codes
    ]


def make_consent(
    customer: Customer,
    accounts: Sequence[Account],
    *,
    client: Client | None = None,
    feeds: Sequence[str] = ALL_FEEDS,
    alert_types: Sequence[str] = (),
    **terms: Any,
) -> Consent:
    """What the customer allows the client, or the chat where there is none; opens a block of its own."""
    at = terms.pop("at", None) or timezone.now()
    defaults: dict[str, Any] = {
        "recipient": "chat" if client is None else "client",
        "client_id": None if client is None else client.id,
        "purpose_code": "see_in_chat" if client is None else "budgeting",
        "locale": "en",
        "expires_at": at + timedelta(days=90),
        "history_from": LONG_AGO,
        "by": "customer",
    }
    with serving(customer.bank_id):
        return grant_consent(
            customer_id=customer.id,
            resources=resources(accounts, feeds=feeds, alert_types=alert_types),
            at=at,
            **(defaults | terms),
        )


def share(
    bank: Bank,
    *,
    feeds: Sequence[str] = ALL_FEEDS,
    alert_types: Sequence[str] = (),
    masked: Sequence[str] = (),
) -> None:
    """Turn feeds and alert types on at the bank, and all others off; opens a block of its own."""
    with serving(bank.id):
        for kind in ALL_FEEDS:
            Feed.objects.update_or_create(
                kind=kind, defaults={"enabled": kind in feeds, "masked_fields": list(masked)}
            )
        AlertRule.objects.exclude(alert_type__in=alert_types).update(enabled=False)
        for alert_type in alert_types:
            AlertRule.objects.update_or_create(alert_type=alert_type, defaults={"enabled": True})


def make_entry(account: Account, **fields: Any) -> Entry:
    """A posted purchase of 12.30 with everything that can be masked; opens a block of its own."""
    number = next(_numbers)
    at = timezone.now()
    with serving(account.bank_id):
        kept = Account.objects.get(pk=account.pk)
        kept.change_seq += 1
        kept.save(update_fields=["change_seq"])
        defaults: dict[str, Any] = {
            "external_id": f"entry-{number}",
            "status": "posted",
            "kind": "card_purchase",
            "amount_minor": -1230,
            "currency": account.currency,
            "booked_on": at.date(),
            "booked_on_source": "date",
            "booked_at": at,
            "description": f"PURCHASE {number}",
            "merchant_name": f"Shop {number}",
            "merchant_category": "5411",
            "merchant_country": "IT",
            "card_last4": "4821",
            "fingerprint": UUID(int=number),
            "change_seq": kept.change_seq,
            "created_at": at,
            "changed_at": at,
        }
        return Entry.objects.create(account=account, **(defaults | fields))


def change_entry(entry: Entry, **fields: Any) -> None:
    """The entry changes at the bank; opens a block of its own."""
    with serving(entry.bank_id):
        account = Account.objects.get(pk=entry.account_id)
        account.change_seq += 1
        account.save(update_fields=["change_seq"])
        changed = {"change_seq": account.change_seq, "changed_at": timezone.now()} | fields
        before = RawSQL(SEQS_BEFORE, [])  # noqa: S611  # no parameters
        Entry.objects.filter(pk=entry.pk).update(seqs_before=before, **changed)


def make_balance(account: Account, amount_minor: int = 10_050, kind: str = "booked") -> Balance:
    at = timezone.now()
    with serving(account.bank_id):
        return Balance.objects.create(
            account=account,
            kind=kind,
            amount_minor=amount_minor,
            currency=account.currency,
            as_of=at,
            read_at=at,
        )


@dataclass(frozen=True)
class Household:
    """A customer with one linked account at a bank that shares its feeds."""

    bank: Bank
    customer: Customer
    account: Account

    @property
    def bank_id(self) -> UUID:
        return self.bank.id


def make_household(bank: Bank | None = None) -> Household:
    """A customer with one linked account, one balance and two entries; no consent."""
    bank = bank or make_bank()
    share(bank)
    customer = make_customer(bank)
    account = make_account(bank)
    make_link(customer, account)
    make_balance(account)
    make_entry(account)
    make_entry(account)
    return Household(bank, customer, account)
