"""The door of every console page: who comes in, at which bank, to do what."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any, Concatenate, ParamSpec
from zoneinfo import ZoneInfo

from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone

from accounts.people.models import Person
from partners.banks.models import Bank, Staff
from partners.banks.permissions import Permission, may

P = ParamSpec("P")
Door = Callable[..., HttpResponseBase]


@dataclass(frozen=True)
class Desk:
    """A person at work at one bank."""

    bank: Bank
    staff: Staff
    person: Person

    def may(self, permission: Permission) -> bool:
        return may(self.staff.role, permission)

    def context(self, section: str) -> dict[str, Any]:
        """What the console's frame shows on every page."""
        others = Staff.objects.filter(person=self.person, is_active=True)
        return {
            "bank": {"name": self.bank.name, "slug": self.bank.slug, "mode": "test"},
            "banks": [
                {
                    "name": each.bank.name,
                    "slug": each.bank.slug,
                    "url": overview_of(each.bank.slug),
                }
                for each in others.select_related("bank").order_by("bank__name")
                if each.bank_id != self.bank.id
            ],
            "section": section,
            "staff": {
                "name": self.person.display_name or self.person.email,
                "email": self.person.email,
                "role_label": self.staff.get_role_display(),
            },
            "may": {each.value: True for each in Permission if self.may(each)},
        }


PersonsPage = Callable[Concatenate[HttpRequest, Person, P], HttpResponseBase]
Page = Callable[Concatenate[HttpRequest, Desk, P], HttpResponseBase]


def overview_of(slug: str) -> str:
    return reverse("console:overview", args=[slug], urlconf="portal.urls.console")


def person_page(page: PersonsPage[P]) -> Door:
    """Let in whoever is signed in with a second factor; who has none is led to set one up."""

    @login_required
    @wraps(page)
    def door(request: HttpRequest, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        person = request.user
        if not isinstance(person, Person):
            raise PermissionDenied
        if not is_mfa_enabled(person, [Authenticator.Type.TOTP]):
            return redirect("mfa_activate_totp")
        return page(request, person, *args, **kwargs)

    return door


def staff_page(
    permission: Permission, *, to_change: Permission | None = None
) -> Callable[[Page[P]], Door]:
    """Let in active staff of the bank in the address who may do this; `to_change` guards POST.

    Somebody else's bank is a 404 and a role without the permission a 403.
    """

    def wrap(page: Page[P]) -> Door:
        @person_page
        def door(
            request: HttpRequest, person: Person, /, slug: str, *args: P.args, **kwargs: P.kwargs
        ) -> HttpResponseBase:
            desk = _desk(person, slug)
            needed = to_change if to_change and request.method == "POST" else permission
            if not desk.may(needed):
                raise PermissionDenied
            if desk.bank.status == Bank.Status.SUSPENDED:
                return render(
                    request, "partners/banks/suspended.html", desk.context(""), status=403
                )
            # Times on a bank's pages are on the bank's own clock.
            with timezone.override(ZoneInfo(desk.bank.time_zone)):
                return page(request, desk, *args, **kwargs)

        return door

    return wrap


def _desk(person: Person, slug: str) -> Desk:
    staff = (
        Staff.objects.select_related("bank")
        .filter(person=person, bank__slug=slug, is_active=True)
        .first()
    )
    if staff is None:
        raise Http404
    return Desk(staff.bank, staff, person)
