"""Our keys at a bank on the console's page: how they stand, and the one step on that is asked for."""

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from partners.banks.access import Desk
from partners.banks.permissions import Permission
from partners.integrations import changing
from partners.integrations.forms import CertificateForm, NextKeyForm
from partners.integrations.models import ClientKey, Integration
from partners.integrations.queries import get_integration, keys_beside
from partners.integrations.rules import signing_request, thumbprint
from portal.rest.problems import NotFound
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import serving

MODE = "test"
RENEWED_BEFORE = timedelta(days=30)
# A test that has not answered by now was lost; it can be asked for again.
LONGEST_TEST = timedelta(minutes=2)
Place = ClientKey.Place


class KeyDeed:
    """What was pressed. `form`: what was written with it, once it was looked at."""

    def __init__(self, said: Mapping[str, str]) -> None:
        self._said = said
        self.form: forms.Form | None = None

    def done(self, *, by: str, at: datetime) -> str:
        """Do it in the open block; what is to be said then, nothing where the form was refused. Raises NotFound, Conflict."""
        steps: dict[str, Callable[[str, datetime], str]] = {
            "make": self._make,
            "store": self._store,
            "certificate": self._certificate,
            "try": self._try,
            "use": lambda who, when: self._use(Place.NEXT, who, when),
            "use-before": lambda who, when: self._use(Place.BEFORE, who, when),
            "drop": lambda who, when: self._drop(Place.NEXT, who, when),
            "drop-before": lambda who, when: self._drop(Place.BEFORE, who, when),
        }
        step = steps.get(self._said.get("do", ""))
        if step is None:
            raise NotFound
        return step(by, at)

    def _make(self, by: str, at: datetime) -> str:
        changing.store_next_key(mode=MODE, by=by, at=at)
        return _("The next key was made. Have your systems read our key set.")

    def _store(self, by: str, at: datetime) -> str:
        stored = get_integration(MODE)
        taken = {_kid(stored), *(_kid(each) for each in keys_beside(stored).values())}
        self.form = form = NextKeyForm(self._said, taken_ids=taken)
        if not form.is_valid():
            return ""
        changing.store_next_key(mode=MODE, by=by, at=at, key=form.cleaned_data["key"])
        return _("The next key is stored. Have your systems read our key set.")

    def _certificate(self, by: str, at: datetime) -> str:
        row = keys_beside(get_integration(MODE)).get(Place.NEXT)
        if row is None:
            raise NotFound
        self.form = form = CertificateForm(self._said, private_key=open_secret(row, "private_key"))
        if not form.is_valid():
            return ""
        changing.give_certificate(mode=MODE, by=by, at=at, **form.cleaned_data)
        return _("The certificate is stored with the next key.")

    def _try(self, _by: str, at: datetime) -> str:
        changing.request_trial(mode=MODE, at=at)
        return _("The next key is tried. It is in use as soon as your systems take it.")

    def _use(self, place: str, by: str, at: datetime) -> str:
        changing.use_key(mode=MODE, place=place, by=by, at=at)
        return _("Changed over. The key before stays published for a week, or until you drop it.")

    def _drop(self, place: str, by: str, at: datetime) -> str:
        changing.drop_key(mode=MODE, place=place, by=by, at=at)
        return _("Dropped. It is published no more.")


def keys_shown(
    desk: Desk, stored: Integration | None, refused: forms.Form | None = None
) -> dict[str, Any]:
    """What the page shows of our keys; `refused` is a form that has something to mend."""
    shown: dict[str, Any] = {
        "may_edit": desk.may(Permission.MANAGE_INTEGRATION),
        "key_url": reverse("console:integration_key", args=[desk.bank.slug]),
        "jwks_url": jwks_url_of(desk.bank.slug),
        "key_in_use": None,
    }
    if stored is None or not stored.private_key:
        return shown
    with serving(desk.bank.id):
        beside = keys_beside(stored)
    following = beside.get(Place.NEXT)
    before = beside.get(Place.BEFORE)
    wants_certificate = bool(stored.certificate)
    return shown | {
        "key_in_use": {"kid": _kid(stored)},
        "next_key": following and _next_shown(stored, following),
        "key_before": before
        and {"kid": _kid(before), "dropped_at": before.since + changing.KEPT_BEFORE},
        "next_form": refused if isinstance(refused, NextKeyForm) else NextKeyForm(),
        "certificate_form": refused
        if isinstance(refused, CertificateForm)
        else CertificateForm(private_key=""),
        "lacks_certificate": bool(following and wants_certificate and not following.certificate),
        "is_trying": bool(following and _is_trying(following)),
    }


def _next_shown(stored: Integration, row: ClientKey) -> dict[str, Any]:
    private_key = open_secret(row, "private_key")
    return {
        "kid": _kid(row),
        "since": row.since,
        "tried_at": row.tried_at,
        "steps": [each | {"title": _(each["title"])} for each in row.report],
        "certificate": row.certificate_until and certificate_words(row.certificate_until),
        "signing_request": ""
        if row.certificate
        else signing_request(private_key, name=stored.client_id),
    }


def certificate_words(until: datetime) -> dict[str, Any]:
    """Until when a certificate is good, and how near that is."""
    left = until - timezone.now()
    tone = "danger" if left <= timedelta() else "warn" if left <= RENEWED_BEFORE else "good"
    return {"until": until, "tone": tone}


def jwks_url_of(slug: str) -> str:
    """Where the bank's systems read the public halves."""
    return f"{settings.API_ORIGIN}/.well-known/banks/{slug}/client-jwks.json"


def _kid(row: Integration | ClientKey) -> str:
    return row.key_id or thumbprint(open_secret(row, "private_key"))


def _is_trying(row: ClientKey) -> bool:
    if row.tried_at is None or timezone.now() - row.tried_at > LONGEST_TEST:
        return False
    return any(each["state"] == "busy" for each in row.report)
