"""Reading connections and the walks that made them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db.models import Max

from accounts.consent.queries import consents_of
from accounts.linking.queries import live_links
from partners.connections.models import Authorisation, Connection
from partners.connections.rules import Choice, read_choice
from partners.ledger.models import Account
from partners.ledger.queries import accounts_of


def connection_of_account(*, customer_id: UUID, account_id: UUID) -> Connection | None:
    """The connection by which the customer linked the account, whatever its state."""
    link = live_links().filter(customer_id=customer_id, account_id=account_id).first()
    return Connection.objects.filter(pk=link.connection_id).first() if link else None


def live_connection_of_account(*, customer_id: UUID, account_id: UUID) -> Connection | None:
    """The connection by which the bank can be asked about the account now; None where there is none."""
    way = connection_of_account(customer_id=customer_id, account_id=account_id)
    return way if way is not None and way.status == Connection.Status.ACTIVE else None


def held_off_until(
    *, customer_id: UUID, account_ids: Collection[UUID], at: datetime
) -> datetime | None:
    """When the bank may be asked for all of these accounts again; None where it may be asked now."""
    links = live_links().filter(customer_id=customer_id, account_id__in=account_ids)
    held_off = Connection.objects.filter(pk__in=links.values("connection_id"), resume_at__gt=at)
    latest: datetime | None = held_off.aggregate(latest=Max("resume_at"))["latest"]
    return latest


def connection_to_repair(*, customer_id: UUID, account_ids: Collection[UUID]) -> Connection | None:
    """The connection that already brings one of these accounts to the customer, locked."""
    links = live_links().filter(customer_id=customer_id, account_id__in=account_ids)
    found = Connection.objects.filter(pk__in=links.values("connection_id"))
    return found.select_for_update(no_key=True).order_by("created_at", "id").first()


def connection_of_bank_consent(external_consent_id: str) -> Connection | None:
    return Connection.objects.filter(external_consent_id=external_consent_id).first()


@dataclass(frozen=True)
class LastLinked:
    """What a customer's last finished walk linked, and until when."""

    accounts: Sequence[Account]
    choice: Choice
    expires_at: datetime | None
    consent_id: UUID | None


def last_linked(*, customer_id: UUID) -> LastLinked | None:
    """Of the customer's last finished walk; None where there was none."""
    finished = Authorisation.objects.filter(
        customer_id=customer_id, status=Authorisation.Status.COMPLETED
    )
    walk = finished.select_related("connection").order_by("-finished_at", "-id").first()
    choice = read_choice(walk.choice) if walk else None
    if walk is None or walk.finished_at is None or choice is None or walk.connection is None:
        return None
    links = live_links().filter(customer_id=customer_id, connection_id=walk.connection.id)
    accounts = accounts_of(list(links.values_list("account_id", flat=True)))
    given = consents_of(customer_id, recipient="chat").filter(granted_at=walk.finished_at).first()
    return LastLinked(
        accounts,
        choice,
        walk.connection.authorised_until,
        consent_id=None if given is None else given.id,
    )
