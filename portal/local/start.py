"""The start page of a development portal, and its short ways in. None of it exists in production.

The short ways sign a browser in as one of the demonstration's people without a password, so that
phone, bank and console can stand side by side; the real ways in stay as they are.
"""

import json
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from allauth.mfa.totp.internal.auth import (
    format_hotp_value,
    hotp_value,
    yield_hotp_counters_from_time,
)
from django.conf import settings
from django.contrib.auth import login
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import path
from django.utils import timezone
from django.views.decorators.http import require_GET

from accounts.people.models import Person
from accounts.signin.languages import SPOKEN
from accounts.signin.windows import enter_window
from messaging.notices.queries import addresses_of
from partners.banks.access import overview_of
from partners.banks.models import Bank, Customer
from partners.sharing.timeline import timeline
from portal.local.demo import BANKS, DemoBank, totp_secret
from portal.local.mailbox import Folder, mail_folder
from portal.local.program import ask, back
from portal.local.tampering import tamper_in_console, tamper_in_window
from portal.tenancy.blocks import serving, serving_customer

OWNER = "owner"
TICKS = 30
MAILS = 4


def demo() -> dict[str, Any]:
    """What `seed_demo` left; empty before it ran."""
    left = settings.PORTAL_STATE / "demo.json"
    found: dict[str, Any] = json.loads(left.read_text()) if left.exists() else {}
    return found


def _chosen(request: HttpRequest) -> DemoBank:
    wanted = request.GET.get("bank", BANKS[0].slug)
    for each in BANKS:
        if each.slug == wanted:
            return each
    raise Http404


@require_GET
def start(request: HttpRequest) -> HttpResponse:
    """Phone, bank, console and ledger of one invented bank, side by side."""
    chosen, left = _chosen(request), demo()
    customers = left.get("customers", {}).get(chosen.slug, [])
    if not customers:
        return render(request, "portal/local/unseeded.html", status=503)
    customer = customers[0]
    shown = {
        "banks": [
            {
                "slug": each.slug,
                "name": each.name,
                "currency": each.currency,
                "shares": each.shares,
                "url": f"/?bank={each.slug}",
                "current": each == chosen,
            }
            for each in BANKS
        ],
        "bank": {
            "name": chosen.name,
            "slug": chosen.slug,
            "shares": chosen.shares,
            "site_url": chosen.origin,
            "phone_url": f"{chosen.origin}/phone?customer={customer['login']}",
            "control_url": f"{chosen.origin}/_control",
            "customer_login": customer["login"],
            "customer_name": customer["name"],
            "time_zone": chosen.time_zone,
        },
        "console_url": f"{settings.CONSOLE_ORIGIN}/start/console?bank={chosen.slug}",
        "console_link": f"{settings.CONSOLE_ORIGIN}/start/console?bank={chosen.slug}",
        "sharing_link": f"{settings.CHAT_ORIGIN}/start/sharing?bank={chosen.slug}",
        "ledger_url": f"/start/ledger?bank={chosen.slug}",
        "ticks": _ticks(chosen),
        "sign_ins": _sign_ins(chosen, left),
        "sign_ins_url": f"/start/sign-ins?bank={chosen.slug}",
        "mail_url": f"/start/mail?bank={chosen.slug}",
        "mails": _mails(chosen),
        "program_link": f"/start/program?bank={chosen.slug}" if chosen.shares else "",
        "curls": [
            {"title": title, "line": line}
            for title, line in zip(
                ("Get a token", "List accounts", "Follow changes"),
                left.get("curl", []),
                strict=False,
            )
        ],
        "docs": [
            {"label": "API", "url": f"{settings.API_ORIGIN}/api/v1/docs"},
            {"label": "Design", "url": "/design/"},
            {"label": "Problems", "url": "/problems/"},
        ],
    }
    with _on_the_clock_of(chosen):
        response = render(request, "portal/local/start.html", shown)
    banks = " ".join(each.origin for each in BANKS)
    response["Content-Security-Policy"] = (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:;"
        f" font-src 'self'; connect-src 'self' {banks}; frame-src {settings.CONSOLE_ORIGIN} {banks};"
        " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return response


@require_GET
def sign_ins(request: HttpRequest) -> HttpResponse:
    """The sign-ins again, with the codes of this half minute."""
    shown = {"sign_ins": _sign_ins(_chosen(request), demo())}
    return render(request, "portal/local/_sign_ins.html", shown)


def _sign_ins(chosen: DemoBank, left: Mapping[str, Any]) -> list[dict[str, str]]:
    """The operator's, and those of the chosen bank's people."""
    shown = [
        each for each in left.get("sign_ins", []) if each.get("bank", "") in {"", chosen.slug}
    ]
    return [_with_code(each) for each in shown]


def _with_code(entry: dict[str, str]) -> dict[str, str]:
    said = entry | {"where": entry["url"].split("//", 1)[-1], "code": ""}
    if not entry["note"].startswith("one-time"):
        return said
    now = list(yield_hotp_counters_from_time())
    code = hotp_value(totp_secret(entry["login"]), now[len(now) // 2])
    return said | {"note": entry["title"], "code": format_hotp_value(code)}


@require_GET
def ledger(request: HttpRequest) -> HttpResponse:
    """The disclosures of the bank on the start page, as they tick."""
    chosen = _chosen(request)
    with _on_the_clock_of(chosen):
        return render(request, "portal/local/_ledger.html", {"ticks": _ticks(chosen)})


def _on_the_clock_of(chosen: DemoBank) -> AbstractContextManager[None]:
    return timezone.override(ZoneInfo(chosen.time_zone))


def _ticks(chosen: DemoBank) -> Sequence[Mapping[str, Any]]:
    bank = Bank.objects.filter(slug=chosen.slug).first()
    customer_id = _customer_id(bank) if bank else None
    if bank is None or customer_id is None:
        return []
    with serving_customer(bank.id, customer_id):
        return timeline(bank, at=timezone.now()).ticks[:TICKS]


@require_GET
def mails(request: HttpRequest) -> HttpResponse:
    """What the locked phone shows of its mail."""
    return render(request, "portal/local/_mails.html", {"mails": _mails(_chosen(request))})


@require_GET
def mail(_request: HttpRequest, name: str) -> HttpResponse:
    """One mail of the mailbox, as a mail program shows it."""
    found = _mailbox().mail(name)
    if found is None:
        raise Http404
    response = HttpResponse(found.part("html") or found.part("plain"))
    # A mail brings its own looks along, and nothing that runs.
    response["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'"
    return response


def _mails(chosen: DemoBank) -> Sequence[Mapping[str, Any]]:
    bank = Bank.objects.filter(slug=chosen.slug).first()
    customer_id = _customer_id(bank) if bank else None
    if bank is None or customer_id is None:
        return []
    with serving_customer(bank.id, customer_id):
        mine = addresses_of(customer_id)
    return [
        {
            "sender": each.sender,
            "subject": each.subject,
            "preview": " ".join(each.part("plain").split()),
            "received_at": each.received_at,
            "url": f"/start/mail/{each.name}",
        }
        for each in _mailbox().mails(to=mine, at_most=MAILS)
    ]


def _mailbox() -> Folder:
    return Folder(mail_folder(settings.PORTAL_STATE))


@require_GET
def to_console(request: HttpRequest) -> HttpResponse:
    """Sign this browser in as the demonstration's owner of one bank."""
    chosen = _chosen(request)
    person = Person.objects.filter(email=f"{OWNER}@{chosen.slug}-bank.example").first()
    if person is None:
        raise Http404
    if request.user != person:
        login(request, person, backend="allauth.account.auth_backends.AuthenticationBackend")
    return redirect(overview_of(chosen.slug))


@require_GET
def to_sharing(request: HttpRequest) -> HttpResponse:
    """Open "Who sees what" as the customer whose phone stands on the start page; in another `language`, if named."""
    chosen = _chosen(request)
    bank = Bank.objects.filter(slug=chosen.slug).first()
    customer_id = _customer_id(bank) if bank else None
    if bank is None or customer_id is None:
        raise Http404
    language = request.GET.get("language", "")
    if language in SPOKEN:
        with serving(bank.id):
            Customer.objects.filter(pk=customer_id).update(locale=language)
    enter_window(request, bank.id, customer_id)
    return redirect("/sharing/")


def _customer_id(bank: Bank) -> UUID | None:
    """The customer whose phone stands on the start page, once the bank's chat knows them."""
    people = demo().get("customers", {}).get(bank.slug, [])
    if not people:
        return None
    with serving(bank.id):
        known = Customer.objects.filter(external_id=people[0]["id"]).first()
    return known.id if known else None


BASE_DOORS = [
    path("", start, name="start"),
    path("start/ledger", ledger, name="start_ledger"),
    path("start/sign-ins", sign_ins, name="start_sign_ins"),
    path("start/program", ask),
    path("start/program/back", back),
    path("start/mail", mails, name="start_mails"),
    path("start/mail/<str:name>", mail, name="start_mail"),
]
CONSOLE_DOORS = [
    path("start/console", to_console),
    path("start/tamper/<slug:slug>", tamper_in_console),
]
CHAT_DOORS = [
    path("start/sharing", to_sharing),
    path("start/tamper", tamper_in_window),
]
