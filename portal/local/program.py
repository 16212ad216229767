"""The demonstration's program: a third party's page that asks a customer, and shows what it may read.

As any program would: over HTTP, with its own secret, and nothing of ours at hand.
"""

import base64
import hashlib
import secrets
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from portal.local.demo import BANKS, PROGRAM_ID, PROGRAM_NAME, program_address, program_secret

_KEY = "asked_as_program"
_WAIT_SECONDS = 10


@require_GET
@never_cache
def ask(request: HttpRequest) -> HttpResponseBase:
    """Send whoever comes to the portal, to be asked there."""
    bank = request.GET.get("bank", "")
    if bank not in {each.slug for each in BANKS}:
        raise Http404
    state, verifier = secrets.token_urlsafe(16), secrets.token_urlsafe(48)
    request.session[_KEY] = {"state": state, "verifier": verifier}
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest())
    asked = {
        "response_type": "code",
        "client_id": PROGRAM_ID,
        "redirect_uri": program_address(),
        "state": state,
        "code_challenge": challenge.decode().rstrip("="),
        "code_challenge_method": "S256",
        "bank": bank,
        "purpose": "budgeting",
        "scope": "balances transactions",
        "alert_types": "large_payment low_balance",
        "days": "180",
        "history_days": "90",
    }
    return redirect(f"{settings.CHAT_ORIGIN}/oauth/authorize?{urlencode(asked)}")


@require_GET
@never_cache
def back(request: HttpRequest) -> HttpResponse:
    """Where the portal sends them back: with a code, or with a no."""
    asked = request.session.pop(_KEY, {})
    if not asked or request.GET.get("state") != asked["state"]:
        return _shown(request, title="This answer was not asked for here")
    if request.GET.get("iss") != settings.API_ORIGIN or "code" not in request.GET:
        return _shown(request, title="You said no", accounts=[])
    with _api() as api:
        given = _token(api, request.GET["code"], asked["verifier"])
        if given is None:
            return _shown(request, title="The answer came too late")
        headers = {"Authorization": f"Bearer {given['access_token']}"}
        read = api.get("/api/v1/accounts", headers=headers)
    accounts = read.json()["accounts"] if read.is_success else []
    return _shown(request, title="You said yes", accounts=accounts, consent=given["consent"])


def _token(api: httpx.Client, code: str, verifier: str) -> dict[str, Any] | None:
    said = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": program_address(),
        "code_verifier": verifier,
    }
    answered = api.post("/oauth/token", data=said, auth=(PROGRAM_ID, program_secret()))
    given: dict[str, Any] = answered.json()
    return given if answered.is_success else None


def _api() -> httpx.Client:
    # Python does not resolve *.localhost by itself.
    there = urlsplit(settings.API_ORIGIN)
    return httpx.Client(
        base_url=f"http://127.0.0.1:{there.port}",
        headers={"Host": there.netloc},
        timeout=_WAIT_SECONDS,
    )


def _shown(request: HttpRequest, **said: Any) -> HttpResponse:
    return render(request, "portal/local/program.html", {"name": PROGRAM_NAME, **said})
