"""Our key at a bank is changed without a gap: both are published, and no reading is lost meanwhile."""

from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import timedelta
from io import StringIO
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest
from cryptography import x509
from django.conf import settings as ours
from django.core.management import CommandError, call_command
from django.db import connections
from django.test import Client as Browser
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from partners.banks.models import Bank, Staff, StaffDeed
from partners.connections.models import Connection
from partners.console.words import deed_row
from partners.feeds.models import FeedCursor
from partners.integrations.actions import Proof
from partners.integrations.changing import (
    KEPT_BEFORE,
    drop_keys_before,
    give_certificate,
    store_next_key,
    try_next_key,
    use_key,
)
from partners.integrations.models import ClientKey, Integration
from partners.integrations.rules import (
    certificate_until,
    make_private_key,
    public_jwk,
    signing_request,
    thumbprint,
)
from partners.integrations.runner import close_connections
from partners.sandbox.handshake import certify_request, issue, make_authority
from partners.sync.models import SyncRun
from partners.sync.pulling import pull_bank
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.partners import make_bank
from tests.partners.integrations.test_proving import kept
from tests.sandbox_bank import CLIENT, SandboxBank, connect, know_bank, know_customer, link

API = f"api.{ours.PORTAL_BASE_HOST}"
NEXT, BEFORE = ClientKey.Place.NEXT, ClientKey.Place.BEFORE
AUTHORITY = make_authority("Test", at=timezone.now())
FIRST = issue(AUTHORITY, "portal", at=timezone.now())


def published(bank: Bank) -> list[str]:
    told = Browser(headers={"Host": API}).get(f"/.well-known/banks/{bank.slug}/client-jwks.json")
    assert told.status_code == 200
    assert all("d" not in each for each in told.json()["keys"])
    return [each["kid"] for each in told.json()["keys"]]


def in_use(bank: Bank) -> str:
    with serving(bank.id):
        return Integration.objects.get().key_id


def with_key(bank: Bank, **changes: Any) -> None:
    kept(bank, proof=Proof("private_key_jwt", "first", FIRST.key_pem), **changes)


# --- without a bank -----------------------------------------------------------------------------------


def test_a_key_that_is_made_is_of_the_same_kind_and_named_by_its_thumbprint() -> None:
    made = make_private_key(FIRST.key_pem)
    jwk = public_jwk(made, key_id="", certificate="")

    assert made != FIRST.key_pem
    assert (jwk["kty"], jwk["crv"], jwk["alg"], jwk["use"]) == ("EC", "P-256", "ES256", "sig")
    assert jwk["kid"] == thumbprint(made)
    assert set(jwk) == {"kty", "crv", "x", "y", "kid", "use", "alg"}


def test_a_signing_request_becomes_a_certificate_of_that_key() -> None:
    made = make_private_key(FIRST.key_pem)
    asked = signing_request(made, name="portal")

    pem_ = certify_request(AUTHORITY, asked, at=timezone.now())

    assert x509.load_pem_x509_csr(asked.encode()).is_signature_valid
    assert certificate_until(pem_, made, at=timezone.now()) > timezone.now()
    assert len(public_jwk(made, key_id="k", certificate=pem_)["x5c"]) == 1


def make_demanding() -> Bank:
    bank = make_bank()
    with serving(bank.id):
        connect(SandboxBank(9, None))  # type: ignore[arg-type]  # nobody is called
    with_key(bank)
    return bank


@pytest.mark.django_db
def test_the_next_key_is_published_and_not_used_until_it_is_said_so() -> None:
    bank = make_demanding()
    with serving(bank.id):
        stored = store_next_key(mode="test", by="staff:1", at=timezone.now())
        # Sealed, and for that place alone.
        assert "PRIVATE KEY" not in stored.private_key
    following = stored.key_id
    beside = (in_use(bank), published(bank))
    with serving(bank.id):
        use_key(mode="test", place=NEXT, by="staff:1", at=timezone.now())
        integration = Integration.objects.get()
        assert thumbprint(open_secret(integration, "private_key")) == following
    after = (in_use(bank), published(bank))
    with serving(bank.id):
        use_key(mode="test", place=BEFORE, by="staff:1", at=timezone.now())
    again = (in_use(bank), published(bank))

    assert beside == ("first", ["first", following])
    assert after == (following, [following, "first"])
    assert again == ("first", ["first", following])


@pytest.mark.django_db
def test_who_reads_our_keys_again_has_none_opened_and_is_counted(settings: Any) -> None:
    bank, stranger = make_demanding(), Browser(headers={"Host": API})
    where = f"/.well-known/banks/{bank.slug}/client-jwks.json"
    first = published(bank)
    # Nothing that is sealed can be opened any more.
    settings.PORTAL_KEYS = f"other:{b64encode(bytes(32)).decode()}"
    again = published(bank)
    settings.LIMIT_FACTOR = 0
    refused = stranger.get(where)
    posted = stranger.post(where)

    assert first == again == ["first"]
    assert (refused.status_code, refused.json()["type"][-17:]) == (429, "too-many-requests")
    assert int(refused["Retry-After"]) <= 60
    assert (posted.status_code, posted["Allow"]) == (405, "GET, HEAD")


@pytest.mark.django_db
def test_the_key_before_is_dropped_after_a_week_and_every_step_is_on_the_record() -> None:
    bank, at = make_demanding(), timezone.now()
    with serving(bank.id):
        store_next_key(mode="test", by="staff:1", at=at)
        use_key(mode="test", place=NEXT, by="staff:1", at=at)
        early = drop_keys_before(at=at + KEPT_BEFORE - timedelta(seconds=1))
        late = drop_keys_before(at=at + KEPT_BEFORE)
        rows = list(StaffDeed.objects.order_by("id"))

    assert (early, late) == (0, 1)
    assert published(bank) == [in_use(bank)]
    deeds = [(each.what, each.by) for each in rows]
    assert deeds == [("key_stored", "staff:1"), ("key_used", "staff:1"), ("key_dropped", "portal")]
    assert deed_row(rows[-1], {})["who"] == "By itself, when its time was over"


@pytest.mark.django_db
def test_the_page_goes_one_step_at_a_time_and_shows_no_key() -> None:
    bank = make_demanding()
    owner, auditor = browser_of(bank), browser_of(bank, Staff.Role.AUDITOR)
    where, step = page_of("integration", bank.slug), page_of("integration_key", bank.slug)
    taken = {"do": "store", "private_key": make_private_key(FIRST.key_pem), "key_id": "first"}

    assert auditor.post(step, {"do": "make"}).status_code == 403
    assert owner.post(step, taken).status_code == 400
    assert owner.post(step, taken | {"private_key": "no key"}).status_code == 400
    assert owner.post(step, {"do": "use"}).status_code == 302
    assert in_use(bank) == "first"
    owner.post(step, taken | {"key_id": "second"})
    waiting = owner.get(where).content.decode()
    owner.post(step, {"do": "use"})
    used = owner.get(where).content.decode()
    owner.post(step, {"do": "drop-before"})

    assert "Published now, and not used yet." in waiting
    assert "Dropped by itself after" in used
    assert "PRIVATE KEY" not in waiting + used
    assert published(bank) == ["second"]
    assert page_of("integration_key", bank.slug) not in auditor.get(where).content.decode()


@pytest.mark.django_db
def test_a_key_without_the_certificate_that_is_wanted_is_not_used() -> None:
    bank = make_demanding()
    until = certificate_until(FIRST.certificate_pem, FIRST.key_pem, at=timezone.now())
    kept(
        bank,
        proof=Proof("tls_client_auth", "", FIRST.key_pem, FIRST.certificate_pem, until),
    )
    owner, step = browser_of(bank), page_of("integration_key", bank.slug)
    owner.post(step, {"do": "make"})
    owner.post(step, {"do": "use"})
    refused = in_use(bank)
    with serving(bank.id):
        made = open_secret(ClientKey.objects.get(), "private_key")
    signed = certify_request(AUTHORITY, signing_request(made, name="portal"), at=timezone.now())
    foreign = owner.post(step, {"do": "certificate", "certificate": FIRST.certificate_pem})
    owner.post(step, {"do": "certificate", "certificate": signed})
    owner.post(step, {"do": "use"})

    assert (refused, foreign.status_code) == ("", 400)
    assert in_use(bank) == thumbprint(made)


@pytest.mark.django_db(transaction=True)
def test_the_command_makes_uses_and_says_what_it_did() -> None:
    bank, told = make_demanding(), StringIO()
    for step in ("make", "use"):
        call_command("change_client_key", bank.slug, step, stdout=told)

    assert "published, and not used yet" in told.getvalue()
    assert "is in use" in told.getvalue()
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("change_client_key", bank.slug, "use", stdout=told)
    with pytest.raises(CommandError, match="No such bank"):
        call_command("change_client_key", "nobody", "make", stdout=told)


# --- at a bank that is read meanwhile -----------------------------------------------------------------


@pytest.fixture
def demanding(sandbox: SandboxBank) -> Iterator[SandboxBank]:
    yield sandbox
    sandbox.do("PUT", "clients/proof", client_id=CLIENT, proof="client_secret_basic")
    close_connections()


def read_on(bank: Bank, stop: Event, rounds: list[int]) -> None:
    """Again and again, with new tokens each time: the bank is proven to who we are."""
    try:
        while not stop.is_set():
            with serving(bank.id):
                FeedCursor.objects.update(due_at=timezone.now())
                Connection.objects.update(token_expires_at=timezone.now())
            rounds.append(pull_bank(bank_id=bank.id, clock=timezone.now))
    finally:
        close_connections()
        connections.close_all()


def while_read(bank: Bank, change: Callable[[], None]) -> list[str]:
    """What ended how, of all that was read while the key changed, and once more after."""
    with serving(bank.id):
        before = set(SyncRun.objects.values_list("id", flat=True))
    stop, rounds = Event(), list[int]()
    reader = Thread(target=read_on, args=(bank, stop, rounds))
    reader.start()
    try:
        change()
        many = len(rounds)
        while reader.is_alive() and len(rounds) < many + 2:
            stop.wait(0.01)
    finally:
        stop.set()
        reader.join(60)
    with serving(bank.id):
        runs = SyncRun.objects.exclude(pk__in=before)
        outcomes = list(runs.values_list("outcome", flat=True))
        problems = set(FeedCursor.objects.values_list("last_problem", flat=True))
    assert problems == {""}
    return outcomes


def linked(sandbox: SandboxBank) -> Bank:
    bank = know_bank(sandbox)
    person = sandbox.customers()[1]
    link(sandbox, know_customer(bank, person), person["login"])
    with serving(bank.id):
        FeedCursor.objects.exclude(kind="transactions").delete()
    pull_bank(bank_id=bank.id, clock=timezone.now)
    return bank


def change_over(bank: Bank) -> bool:
    return try_next_key(bank_id=bank.id, mode="test", clock=timezone.now)


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_no_reading_is_lost_while_the_key_of_assertions_changes(
    demanding: SandboxBank, live_server: LiveServer
) -> None:
    bank = linked(demanding)
    with_key(bank)
    demanding.do(
        "PUT",
        "clients/proof",
        client_id=CLIENT,
        proof="private_key_jwt",
        jwks_uri=f"{live_server.url}/.well-known/banks/{bank.slug}/client-jwks.json",
        jwks_host=API,
    )
    taken: list[bool] = []

    def change() -> None:
        with serving(bank.id):
            store_next_key(mode="test", by="staff:1", at=timezone.now())
        taken.append(change_over(bank))
        # A second one finds none that is next.
        taken.append(change_over(bank))

    outcomes = while_read(bank, change)

    assert taken == [True, False]
    assert set(outcomes) == {"complete"}
    assert in_use(bank) != "first"
    with serving(bank.id):
        assert StaffDeed.objects.latest("id").by == "bank"


@pytest.mark.slow
@pytest.mark.django_db(transaction=True, databases="__all__")
def test_no_reading_is_lost_while_the_certificate_changes(
    demanding: SandboxBank, live_server: LiveServer, tmp_path: Path, settings: Any
) -> None:
    bank = linked(demanding)
    issued = demanding.do(
        "PUT",
        "clients/proof",
        client_id=CLIENT,
        proof="tls_client_auth",
        jwks_uri=f"{live_server.url}/.well-known/banks/{bank.slug}/client-jwks.json",
        jwks_host=API,
    )
    authority = tmp_path / "authority.pem"
    authority.write_text(issued["authority"])
    settings.BANKS_CA_FILE = str(authority)
    close_connections()
    secure = f"https://aurelia-bank.localhost:{issued['port']}"
    until = certificate_until(issued["certificate"], issued["private_key"], at=timezone.now())
    kept(
        bank,
        proof=Proof("tls_client_auth", "", issued["private_key"], issued["certificate"], until),
        base_url=secure,
        token_url=f"{secure}/as/token",
    )

    def change() -> None:
        at = timezone.now()
        with serving(bank.id):
            row = store_next_key(mode="test", by="staff:1", at=at)
            made = open_secret(row, "private_key")
        asked = signing_request(made, name=CLIENT)
        signed = demanding.do("POST", "clients/certificate", request=asked)["certificate"]
        with serving(bank.id):
            good_until = certificate_until(signed, made, at=timezone.now())
            give_certificate(
                mode="test", certificate=signed, until=good_until, by="staff:1", at=at
            )
        assert change_over(bank)

    outcomes = while_read(bank, change)

    assert set(outcomes) == {"complete"}
    assert in_use(bank) != ""


@pytest.mark.django_db(transaction=True, databases="__all__")
def test_a_next_key_that_the_bank_does_not_take_stays_beside_and_says_why(
    demanding: SandboxBank,
) -> None:
    bank = know_bank(demanding)
    with_key(bank)
    only = {"keys": [public_jwk(FIRST.key_pem, key_id="first")]}
    demanding.do("PUT", "clients/proof", client_id=CLIENT, proof="private_key_jwt", jwks=only)
    with serving(bank.id):
        store_next_key(mode="test", by="staff:1", at=timezone.now())

    assert not change_over(bank)

    assert in_use(bank) == "first"
    with serving(bank.id):
        assert [each["state"] for each in ClientKey.objects.get().report] == [
            "good",
            "danger",
            "waiting",
        ]
        assert Integration.objects.get().status == "untested"
