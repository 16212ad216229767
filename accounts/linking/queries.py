"""Which accounts a customer has."""

from collections.abc import Collection
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import OuterRef, QuerySet

from accounts.linking.models import Link
from portal.tenancy.blocks import CustomerReach


def live_links() -> QuerySet[Link]:
    """Ties that hold now."""
    return Link.objects.filter(ended_at__isnull=True)


def reach_of_customer(customer_id: UUID) -> CustomerReach | None:
    """The customer's pseudonym and linked accounts in one query; None where the bank knows no such one."""
    links = live_links().filter(customer_id=OuterRef("pk")).order_by("account_id")
    found = (
        _customers()
        .filter(pk=customer_id)
        .values_list("pk", "pseudonym", ArraySubquery(links.values("account_id")))
        .first()
    )
    if found is None:
        return None
    return CustomerReach(customer_id=found[0], pseudonym=found[1], account_ids=tuple(found[2]))


def linked_customer_ids(account_id: UUID) -> list[UUID]:
    """Who holds the account now, and so who is told of it; needs the bank's reach."""
    links = live_links().filter(account_id=account_id)
    return list(links.order_by("customer_id").values_list("customer_id", flat=True))


def other_holders(customer_id: UUID, account_ids: Collection[UUID]) -> dict[UUID, set[UUID]]:
    """Of those accounts that somebody else holds too, who does; needs the bank's reach."""
    links = live_links().filter(account_id__in=account_ids).exclude(customer_id=customer_id)
    found: dict[UUID, set[UUID]] = {}
    for account_id, holder_id in links.values_list("account_id", "customer_id"):
        found.setdefault(account_id, set()).add(holder_id)
    return found


def links_of(customer_id: UUID, *, among: Collection[UUID] | None = None) -> QuerySet[Link]:
    """A customer's live links, of the given accounts or of all."""
    links = live_links().filter(customer_id=customer_id).order_by("linked_at", "id")
    return links if among is None else links.filter(account_id__in=among)


def was_linked(*, customer_id: UUID, account_id: UUID, at: datetime) -> bool:
    """Whether the tie held at that time."""
    held = Link.objects.filter(customer_id=customer_id, account_id=account_id, linked_at__lte=at)
    return held.exclude(ended_at__lte=at).exists()


def _customers() -> QuerySet[Any]:
    # The customer's table belongs to the banks' side, which this side does not import.
    related: Any = Link._meta.get_field("customer").related_model
    found: QuerySet[Any] = related.objects.all()
    return found
