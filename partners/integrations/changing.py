"""Changing our key at a bank without a gap: the next beside the one in use, until the bank takes it."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import UUID

from partners.banks.actions import note_deed
from partners.banks.models import StaffDeed
from partners.integrations.actions import Proof, first_report, tried_steps
from partners.integrations.models import ClientKey, Integration
from partners.integrations.queries import connector_of, get_integration, keys_beside
from partners.integrations.rules import make_private_key, thumbprint
from portal.rest.problems import Conflict, NotFound
from portal.secrets.fields import keep_secret, open_secret
from portal.tenancy.blocks import serving
from portal.wakeups import wake_after_commit

Place = ClientKey.Place
# What is under way with the key before, and a bank that is slow to look, has this long.
KEPT_BEFORE = timedelta(days=7)
BY_BANK, BY_PORTAL = "bank", "portal"


class NoKeyYet(Conflict):
    slug = "no-key-yet"
    title = "There is no key in use that another could follow"


class CertificateMissing(Conflict):
    slug = "certificate-missing"
    title = "The bank wants a certificate, and this key has none yet"


def store_next_key(*, mode: str, by: str, at: datetime, key: Proof | None = None) -> ClientKey:
    """Keep the next key beside the one in use, or make one of its kind; one that waited goes. Raises NoKeyYet.

    From now on it is published, and not used.
    """
    integration = _locked(mode)
    if not integration.private_key:
        raise NoKeyYet
    private_key = (
        key.private_key if key else make_private_key(open_secret(integration, "private_key"))
    )
    row = keys_beside(integration).get(Place.NEXT) or ClientKey(
        integration=integration, place=Place.NEXT
    )
    row.key_id = (key.key_id if key else "") or thumbprint(private_key)
    row.certificate = key.certificate if key else ""
    row.certificate_until = key.certificate_until if key else None
    row.since, row.tried_at, row.report = at, None, []
    keep_secret(row, "private_key", private_key)
    row.save()
    _note(StaffDeed.What.KEY_STORED, row.key_id, by=by, at=at)
    return row


def give_certificate(
    *, mode: str, certificate: str, until: datetime, by: str, at: datetime
) -> None:
    """The next key has its certificate now. Raises NotFound."""
    row = _beside(_locked(mode), Place.NEXT)
    row.certificate, row.certificate_until = certificate, until
    row.save(update_fields=["certificate", "certificate_until"])
    _note(StaffDeed.What.KEY_STORED, row.key_id, by=by, at=at)


def use_key(*, mode: str, place: str, by: str, at: datetime) -> None:
    """Change over: the key there is in use, and the one in use is the one before. Raises NotFound, CertificateMissing.

    What is under way goes on with the key it began with, which stays published.
    """
    integration = _locked(mode)
    beside = keys_beside(integration)
    row = _beside(integration, place)
    if integration.certificate and not row.certificate:
        raise CertificateMissing
    used = Proof(
        integration.authentication,
        row.key_id,
        open_secret(row, "private_key"),
        row.certificate,
        row.certificate_until,
    )
    before = beside.get(Place.BEFORE) or row
    if before is not row:
        row.delete()
    before.place = Place.BEFORE
    before.key_id = integration.key_id
    before.certificate = integration.certificate
    before.certificate_until = integration.certificate_until
    before.since, before.tried_at, before.report = at, None, []
    keep_secret(before, "private_key", open_secret(integration, "private_key"))
    before.save()
    _put_in_use(integration, used)
    _note(StaffDeed.What.KEY_USED, used.key_id, by=by, at=at)


def _put_in_use(integration: Integration, used: Proof) -> None:
    integration.key_id = used.key_id
    integration.certificate = used.certificate
    integration.certificate_until = used.certificate_until
    keep_secret(integration, "private_key", used.private_key)
    integration.save()


def drop_key(*, mode: str, place: str, by: str, at: datetime) -> None:
    """Forget a key that is not in use: it is published no more. Raises NotFound."""
    row = _beside(_locked(mode), place)
    row.delete()
    _note(StaffDeed.What.KEY_DROPPED, row.key_id, by=by, at=at)


def drop_keys_before(*, at: datetime) -> int:
    """Forget keys that nothing can be under way with any more; how many."""
    old = ClientKey.objects.filter(place=Place.BEFORE, since__lte=at - KEPT_BEFORE)
    n = 0
    for each in old.select_related("integration"):
        _locked(each.integration.mode)
        # Staff may have dropped it just now, or put another in its place.
        if ClientKey.objects.filter(pk=each.pk, place=each.place, since=each.since).delete()[0]:
            _note(StaffDeed.What.KEY_DROPPED, each.key_id, by=BY_PORTAL, at=at)
            n += 1
    return n


def request_trial(*, mode: str, at: datetime) -> None:
    """Have a worker try the next key at the bank; it is in use as soon as the bank takes it. Raises NotFound, CertificateMissing."""
    integration = _locked(mode)
    row = _beside(integration, Place.NEXT)
    if integration.certificate and not row.certificate:
        raise CertificateMissing
    row.tried_at, row.report = at, first_report()
    row.save(update_fields=["tried_at", "report"])
    wake_after_commit(
        "partners.integrations.tasks.try_next_key",
        bank_id=str(integration.bank_id),
        mode=mode,
    )


def try_next_key(*, bank_id: UUID, mode: str, clock: Callable[[], datetime]) -> bool:
    """Prove who we are by the next key, and change over where the bank took it. Calls the network, so opens its own blocks."""
    with serving(bank_id):
        integration = get_integration(mode)
        row = keys_beside(integration).get(Place.NEXT)
        if row is None:
            return False
        connector = connector_of(integration, by=row)
    report = tried_steps(connector, at=clock())
    taken = all(each["state"] == "good" for each in report)
    with serving(bank_id):
        _locked(mode)
        kept = ClientKey.objects.filter(pk=row.pk, place=Place.NEXT, since=row.since)
        # Another may have been stored while we asked.
        if not kept.update(report=report, tried_at=clock()):
            return False
        if taken:
            use_key(mode=mode, place=Place.NEXT, by=BY_BANK, at=clock())
    return taken


def _locked(mode: str) -> Integration:
    """Of one integration the keys change one after another."""
    found = Integration.objects.select_for_update(no_key=True).filter(mode=mode).first()
    if found is None:
        raise NotFound
    return found


def _beside(integration: Integration, place: str) -> ClientKey:
    found = keys_beside(integration).get(place)
    if found is None:
        raise NotFound
    return found


def _note(what: str, key_id: str, *, by: str, at: datetime) -> None:
    note_deed(what=what, by=by, about={"key": key_id}, at=at)
