"""Writing down a bank's customers and its staff."""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from django.contrib.auth.hashers import make_password
from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts.people.models import Person
from accounts.signin.actions import know_address
from partners.banks.models import Bank, Customer, Staff, StaffDeed
from portal.rest.problems import Conflict


def recognise_customer(*, external_id: str, display_name: str = "", locale: str = "") -> Customer:
    """The served bank's customer under its own reference, new or known; what the bank says of them now holds."""
    Customer.objects.bulk_create(
        [Customer(external_id=external_id, display_name=display_name, locale=locale)],
        ignore_conflicts=True,
    )
    customer = Customer.objects.get(external_id=external_id)
    said = {"display_name": display_name, "locale": locale}
    changed = {name for name, value in said.items() if value and getattr(customer, name) != value}
    for name in changed:
        setattr(customer, name, said[name])
    if changed:
        customer.save(update_fields=sorted(changed))
    return customer


class LastOwner(Conflict):
    slug = "last-owner"
    title = _("A bank keeps at least one owner")  # type: ignore[assignment]  # lazily translated


class AlreadyStaff(Conflict):
    slug = "already-staff"
    title = _("This person works here already")  # type: ignore[assignment]  # lazily translated


@transaction.atomic
def invite_staff(*, bank: Bank, email: str, display_name: str, role: str) -> Staff:
    """A person of that address works at the bank as `role`; one who did before does again.

    Who has not chosen a password yet can be invited again. Raises AlreadyStaff.
    """
    email = email.strip().lower()
    person, _made = Person.objects.get_or_create(
        email=email, defaults={"display_name": display_name, "password": make_password(None)}
    )
    known = Staff.objects.select_for_update(no_key=True).filter(bank=bank, person=person).first()
    if known and known.is_active and person.has_usable_password():
        raise AlreadyStaff
    know_address(person)
    staff, _made = Staff.objects.update_or_create(
        bank=bank, person=person, defaults={"role": role, "is_active": True}
    )
    return staff


@transaction.atomic
def change_staff(*, bank: Bank, staff_id: UUID, role: str, is_active: bool) -> Staff:
    """Give a member of staff another role, or none any more. Raises LastOwner, Staff.DoesNotExist."""
    owners = list(
        Staff.objects.select_for_update(no_key=True).filter(
            bank=bank, role=Staff.Role.OWNER, is_active=True
        )
    )
    staff = Staff.objects.select_for_update(no_key=True).get(bank=bank, pk=staff_id)
    stays_owner = role == Staff.Role.OWNER and is_active
    if not stays_owner and [each.pk for each in owners] == [staff.pk]:
        raise LastOwner
    staff.role = role
    staff.is_active = is_active
    staff.save(update_fields=["role", "is_active"])
    return staff


def set_bank_status(*, slug: str, status: str) -> Bank:
    """Admit a bank or suspend it: a suspended one shares nothing at any door. Raises Bank.DoesNotExist."""
    bank = Bank.objects.get(slug=slug)
    bank.status = Bank.Status(status)
    bank.save(update_fields=["status"])
    return bank


def note_deed(*, what: str, by: str, about: Mapping[str, str | int], at: datetime) -> None:
    """Write down what staff had done, in the transaction that does it."""
    StaffDeed.objects.create(what=StaffDeed.What(what), by=by, about=dict(about), at=at)
