"""Reading connections and the walks that made them."""

from collections.abc import Collection
from uuid import UUID

from accounts.linking.queries import live_links
from partners.connections.models import Connection


def get_connection(connection_id: UUID) -> Connection:
    return Connection.objects.get(pk=connection_id)


def connection_of_account(*, customer_id: UUID, account_id: UUID) -> Connection | None:
    """The connection by which the customer linked the account, whatever its state."""
    link = live_links().filter(customer_id=customer_id, account_id=account_id).first()
    return Connection.objects.filter(pk=link.connection_id).first() if link else None


def connection_to_repair(*, customer_id: UUID, account_ids: Collection[UUID]) -> Connection | None:
    """The connection that already brings one of these accounts to the customer, locked."""
    links = live_links().filter(customer_id=customer_id, account_id__in=account_ids)
    found = Connection.objects.filter(pk__in=links.values("connection_id"))
    return found.select_for_update(no_key=True).order_by("created_at", "id").first()


def connection_of_bank_consent(external_consent_id: str) -> Connection | None:
    return Connection.objects.filter(external_consent_id=external_consent_id).first()
