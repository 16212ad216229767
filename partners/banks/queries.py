"""Reading the registry of banks."""

from collections.abc import Collection
from uuid import UUID

from partners.banks.models import Bank, Customer, Staff, StaffDeed
from partners.banks.paging import KeyPage, Place, newest_first
from portal.tenancy.blocks import current_bank_id

_STAFF = "staff:"


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


def deeds(*, size: int, place: Place | None) -> KeyPage[StaffDeed]:
    """What the served bank's staff had done, newest first."""
    return newest_first(
        StaffDeed.objects.filter(bank_id=current_bank_id()), size=size, place=place
    )


def names_of(by: Collection[str]) -> dict[str, str]:
    """Who `staff:<id>` is, as far as they are of the served bank's staff still."""
    wanted = {each.removeprefix(_STAFF): each for each in by if each.startswith(_STAFF)}
    found = Staff.objects.select_related("person").filter(bank_id=current_bank_id(), id__in=wanted)
    return {wanted[str(each.id)]: each.person.display_name or each.person.email for each in found}
