"""Reading the registry of banks."""

from collections.abc import Collection
from uuid import UUID

from partners.banks.models import Bank, Customer


def bank_ids() -> list[UUID]:
    """Every bank's id, suspended ones too: their rows age like others'."""
    return list(Bank.objects.order_by("id").values_list("id", flat=True))


def find_bank(slug: str) -> Bank | None:
    """The admitted bank of that slug, if there is one."""
    return Bank.objects.filter(slug=slug, status=Bank.Status.ADMITTED).first()


def reader_locale(bank: Bank, customer: Customer) -> str:
    """The language that a customer is spoken to in."""
    return customer.locale or bank.locale or "en"


def is_bank(bank_id: UUID) -> bool:
    """Whether there is such a bank, admitted or not."""
    return Bank.objects.filter(pk=bank_id).exists()


def suspended_banks(among: Collection[UUID]) -> set[UUID]:
    """Which of these banks the platform has suspended."""
    suspended = Bank.objects.filter(pk__in=among, status=Bank.Status.SUSPENDED)
    return set(suspended.values_list("id", flat=True))


def all_banks() -> list[Bank]:
    """The whole registry, for the operator."""
    return list(Bank.objects.order_by("name"))
