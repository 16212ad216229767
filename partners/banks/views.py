"""Where a member of staff begins, and who else works here."""

import logging
from uuid import UUID

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts.people.models import Person
from accounts.signin.invitations import send_invitation
from partners.banks.access import Desk, overview_of, person_page, staff_page
from partners.banks.actions import (
    AlreadyStaff,
    LastOwner,
    change_staff,
    invite_staff,
    set_bank_status,
)
from partners.banks.forms import BankStatusForm, InvitationForm, MemberForm
from partners.banks.models import Bank, Staff
from partners.banks.permissions import Permission
from partners.banks.queries import all_banks

logger = logging.getLogger(__name__)

ROLE_WORDS = {
    Staff.Role.OWNER: gettext_lazy("May do everything, and decides who works here."),
    Staff.Role.INTEGRATOR: gettext_lazy(
        "Connects the systems, and turns feeds and alert types on."
    ),
    Staff.Role.COMPLIANCE: gettext_lazy(
        "Turns feeds off and on, and sees what was shown to whom."
    ),
    Staff.Role.AGENT: gettext_lazy("Sees customers, and answers them."),
    Staff.Role.AUDITOR: gettext_lazy("Sees everything, and changes nothing."),
}


@require_GET
@person_page
def home(request: HttpRequest, person: Person) -> HttpResponseBase:
    """To the only bank where the person works, or to a choice among several."""
    places = list(
        Staff.objects.select_related("bank")
        .filter(person=person, is_active=True)
        .order_by("bank__name")
    )
    if len(places) == 1 and not person.is_operator:
        return redirect(overview_of(places[0].bank.slug))
    shown = {
        "places": [
            {
                "name": each.bank.name,
                "role_label": each.get_role_display(),
                "url": overview_of(each.bank.slug),
            }
            for each in places
        ],
        "is_operator": person.is_operator,
        "banks": [_registered(each) for each in all_banks()] if person.is_operator else [],
        "email": person.email,
    }
    return render(request, "partners/banks/home.html", shown)


def _registered(bank: Bank) -> dict[str, object]:
    admitted = bank.status == Bank.Status.ADMITTED
    return {
        "name": bank.name,
        "slug": bank.slug,
        "website": bank.website,
        "state_label": bank.get_status_display(),
        "tone": "good" if admitted else "danger",
        "change_url": reverse("console:change_bank", args=[bank.slug]),
        "next_status": Bank.Status.SUSPENDED if admitted else Bank.Status.ADMITTED,
        "next_label": _("Suspend") if admitted else _("Admit again"),
        "is_admitted": admitted,
    }


@require_http_methods(["GET", "POST"])
@person_page
def change_bank(request: HttpRequest, person: Person, slug: str) -> HttpResponse:
    """The operator admits a bank or suspends it; a suspended bank shares nothing at any door.

    GET says what suspending does.
    """
    bank = Bank.objects.filter(slug=slug).first()
    if not person.is_operator or bank is None:
        raise Http404
    if request.method == "GET":
        if bank.status == Bank.Status.SUSPENDED:
            return redirect("console:home")
        return render(request, "partners/banks/suspend.html", {"bank": _registered(bank)})
    form = BankStatusForm(request.POST)
    if not form.is_valid():
        raise Http404
    bank = set_bank_status(slug=slug, status=form.cleaned_data["status"])
    messages.success(request, f"{bank.name}: {bank.get_status_display()}")
    return redirect("console:home")


@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_STAFF, to_change=Permission.MANAGE_STAFF)
def staff(request: HttpRequest, desk: Desk) -> HttpResponseBase:
    """Who works here; POST invites somebody."""
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and _invite(request, desk, form):
        return redirect("console:staff", desk.bank.slug)
    shown = desk.context("staff") | {
        "members": _members(desk),
        "roles": [
            {"code": role.value, "label": role.label, "words": ROLE_WORDS[role]}
            for role in Staff.Role
        ],
        "form": form,
        "may_edit": desk.may(Permission.MANAGE_STAFF),
        "deeds_url": reverse("console:deeds", args=[desk.bank.slug]),
    }
    refused = request.method == "POST"
    return render(request, "partners/banks/staff.html", shown, status=400 if refused else 200)


def _invite(request: HttpRequest, desk: Desk, form: InvitationForm) -> bool:
    """Whether somebody new works here; the mail may fail, and can be sent again."""
    try:
        invited = invite_staff(bank=desk.bank, **form.cleaned_data)
    except AlreadyStaff as refused:
        form.add_error("email", str(refused.title))
        return False
    try:
        send_invitation(request, person=invited.person, place=desk.bank.name)
    except OSError:  # every failure of a mail server is one
        logger.exception("invitation not sent")
        words = _("They may come in, but the mail was not sent. Invite them again in a while.")
        messages.warning(request, words)
    else:
        messages.success(request, _("The invitation is on its way."))
    return True


def _members(desk: Desk) -> list[dict[str, object]]:
    rows = list(
        Staff.objects.select_related("person")
        .filter(bank=desk.bank, is_active=True)
        .order_by("person__display_name", "person__email")
    )
    with_totp = set(
        Authenticator.objects.filter(
            user_id__in=[each.person_id for each in rows], type=Authenticator.Type.TOTP
        ).values_list("user_id", flat=True)
    )
    return [
        {
            "name": each.person.display_name or each.person.email,
            "email": each.person.email,
            "role": each.role,
            "role_label": each.get_role_display(),
            "is_you": each.person_id == desk.person.id,
            "has_totp": each.person_id in with_totp,
            "is_invited": not each.person.has_usable_password(),
            "last_seen_at": each.person.last_login,
            "change_url": reverse("console:member", args=[desk.bank.slug, each.id]),
        }
        for each in rows
    ]


@require_POST
@staff_page(Permission.MANAGE_STAFF)
def member(request: HttpRequest, desk: Desk, staff_id: UUID) -> HttpResponse:
    """Another role for a member of staff, or the end of their work here."""
    form = MemberForm(request.POST)
    known = Staff.objects.filter(bank=desk.bank, pk=staff_id).first()
    if known is None or not form.is_valid():
        raise Http404
    role = form.cleaned_data["role"] or known.role
    leaves = form.cleaned_data["leave"]
    try:
        change_staff(bank=desk.bank, staff_id=staff_id, role=role, is_active=not leaves)
    except LastOwner as refused:
        messages.error(request, str(refused.title))
    else:
        messages.success(request, _("Done."))
    return redirect("console:staff", desk.bank.slug)
