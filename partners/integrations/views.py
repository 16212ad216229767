"""The console's page of the integration: how to reach the bank's systems."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from partners.banks.access import Desk, staff_page
from partners.banks.permissions import Permission
from partners.integrations.actions import configure_integration, request_check
from partners.integrations.forms import PROTOCOLS, IntegrationForm
from partners.integrations.key_pages import (
    LONGEST_TEST,
    MODE,
    KeyDeed,
    certificate_words,
    keys_shown,
)
from partners.integrations.models import Integration
from portal.rest.problems import Conflict, NotFound
from portal.tenancy.blocks import serving

FIELDS = (
    "connector",
    "base_url",
    "authorize_url",
    "token_url",
    "client_id",
    "authentication",
    "key_id",
)
PAGE = "partners/integrations/integration.html"


@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_CHOICES, to_change=Permission.MANAGE_INTEGRATION)
def integration(request: HttpRequest, desk: Desk) -> HttpResponse:
    """Addresses and credentials; the secret goes in and never comes out."""
    stored = _stored(desk)
    form = _form(stored, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        with serving(desk.bank.id):
            configure_integration(mode=MODE, **form.cleaned_data)
        messages.success(request, _("Saved. Test the connection to see whether it works."))
        return redirect("console:integration", desk.bank.slug)
    refused = request.method == "POST"
    shown = _page(desk, stored, form) | keys_shown(desk, stored)
    return render(request, PAGE, shown, status=400 if refused else 200)


def _form(stored: Integration | None, said: QueryDict | None = None) -> IntegrationForm:
    return IntegrationForm(
        said,
        initial={name: getattr(stored, name) for name in FIELDS} if stored else {},
        has_secret=bool(stored and stored.client_secret),
        has_key=bool(stored and stored.private_key),
        has_certificate=bool(stored and stored.certificate),
    )


def _page(desk: Desk, stored: Integration | None, form: IntegrationForm) -> dict[str, Any]:
    if not desk.may(Permission.MANAGE_INTEGRATION):
        for field in form.fields.values():
            field.disabled = True
    return desk.context("integration") | _test(desk, stored) | {"form": form}


@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_CHOICES, to_change=Permission.MANAGE_INTEGRATION)
def integration_test(request: HttpRequest, desk: Desk) -> HttpResponse:
    """POST has a worker try the bank's systems; GET is how far it has come."""
    if request.method == "GET":
        shown = _test(desk, _stored(desk))
        return render(request, "partners/integrations/_test.html", shown)
    try:
        with serving(desk.bank.id):
            request_check(mode=MODE, at=timezone.now())
    except NotFound:
        messages.error(request, _("Save the addresses first."))
    return redirect(reverse("console:integration", args=[desk.bank.slug]) + "#test")


@require_http_methods(["GET", "POST"])
@staff_page(Permission.VIEW_CHOICES, to_change=Permission.MANAGE_INTEGRATION)
def integration_key(request: HttpRequest, desk: Desk) -> HttpResponse:
    """POST changes our keys one step on; GET is how they stand, while the next is tried at the bank."""
    if request.method == "GET":
        shown = keys_shown(desk, _stored(desk))
        return render(request, "partners/integrations/_keys.html", shown)
    deed = KeyDeed(request.POST)
    try:
        with serving(desk.bank.id):
            words = deed.done(by=f"staff:{desk.staff.id}", at=timezone.now())
    except (Conflict, NotFound) as refused:
        messages.error(request, str(refused.title))
        words = None
    if deed.form is not None and deed.form.errors:
        stored = _stored(desk)
        shown = _page(desk, stored, _form(stored)) | keys_shown(desk, stored, deed.form)
        return render(request, PAGE, shown, status=400)
    if words:
        messages.success(request, words)
    return redirect(reverse("console:integration", args=[desk.bank.slug]) + "#keys")


def _stored(desk: Desk) -> Integration | None:
    with serving(desk.bank.id):
        return Integration.objects.filter(mode=MODE).first()


def _test(desk: Desk, stored: Integration | None) -> dict[str, Any]:
    """What the page shows of the integration and its last test."""
    steps = stored.check_report if stored else []
    return {
        "integration": {
            "connector_label": _connector(stored),
            "status": stored.status if stored else Integration.Status.UNTESTED,
            "checked_at": stored.checked_at if stored else None,
            "redirect_uri": f"{settings.CHAT_ORIGIN}/link/callback",
            "notify_url": notify_url_of(desk.bank.slug),
        },
        "has_secret": bool(stored and stored.client_secret),
        "has_key": bool(stored and stored.private_key),
        "has_certificate": bool(stored and stored.certificate),
        "certificate": _certificate(stored),
        "test_url": reverse("console:integration_test", args=[desk.bank.slug]),
        "steps": [each | {"title": _(each["title"])} for each in steps],
        "is_testing": stored is not None and _is_testing(stored),
        "may_edit": desk.may(Permission.MANAGE_INTEGRATION),
    }


def _certificate(stored: Integration | None) -> dict[str, Any] | None:
    """Until when our certificate is good, and how near that is."""
    if stored is None or stored.certificate_until is None:
        return None
    return certificate_words(stored.certificate_until)


def _is_testing(stored: Integration) -> bool:
    if stored.checked_at is None or timezone.now() - stored.checked_at > LONGEST_TEST:
        return False
    return any(each["state"] == "busy" for each in stored.check_report)


def notify_url_of(slug: str) -> str:
    return f"{settings.API_ORIGIN}/open-banking/{slug}/event-notifications"


def _connector(stored: Integration | None) -> str:
    names = {each[0]: str(each[1]) for each in PROTOCOLS}
    return names.get(stored.connector, stored.connector) if stored else next(iter(names.values()))
