"""Proving who we are by a signed assertion or a certificate, to a bank that wants nothing else."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.utils import timezone

from partners.banks.models import Bank
from partners.connectors.base import Request
from partners.integrations.actions import Proof, check_integration, configure_integration
from partners.integrations.models import Integration
from partners.integrations.proving import ClientKeys, prove
from partners.integrations.rules import KeysRefused, certificate_until, read_private_key
from partners.integrations.runner import close_connections
from partners.sandbox.handshake import issue, make_authority
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.sandbox_bank import CLIENT, SandboxBank, know_bank

NOW = datetime(2026, 3, 30, 9, tzinfo=UTC)


def pem(key: Any) -> str:
    return str(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode())


def public(key: rsa.RSAPrivateKey) -> dict[str, Any]:
    told: dict[str, Any] = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    return {"keys": [told | {"kid": "key-1", "use": "sig"}]}


@pytest.fixture
def demanding(sandbox: SandboxBank) -> Iterator[SandboxBank]:
    yield sandbox
    sandbox.do("PUT", "clients/proof", client_id=CLIENT, proof="client_secret_basic")
    close_connections()


def kept(bank: Bank, **changes: Any) -> None:
    with serving(bank.id):
        stored = Integration.objects.get()
        said = {
            name: getattr(stored, name)
            for name in ("base_url", "authorize_url", "token_url", "client_id")
        }
        configure_integration(mode="test", **(said | changes))


def states(bank: Bank) -> list[str]:
    found = check_integration(bank_id=bank.id, mode="test", clock=timezone.now)
    return [each["state"] for each in found.check_report]


@pytest.mark.django_db(transaction=True)
def test_a_bank_that_wants_an_assertion_takes_ours_and_no_other(demanding: SandboxBank) -> None:
    key, other = (rsa.generate_private_key(65537, 2048) for _ in range(2))
    bank = know_bank(demanding)
    demanding.do(
        "PUT", "clients/proof", client_id=CLIENT, proof="private_key_jwt", jwks=public(key)
    )
    by_secret = states(bank)
    kept(bank, proof=Proof("private_key_jwt", "key-1", pem(key)))
    by_assertion = states(bank)
    kept(bank, proof=Proof("private_key_jwt", "key-1", pem(other)))

    assert by_secret == ["good", "danger", "waiting"]
    assert by_assertion == ["good", "good", "good"]
    assert states(bank) == ["good", "danger", "waiting"]


@pytest.mark.django_db(transaction=True)
def test_an_assertion_is_taken_once_and_for_that_endpoint_alone(demanding: SandboxBank) -> None:
    key = rsa.generate_private_key(65537, 2048)
    demanding.do(
        "PUT", "clients/proof", client_id=CLIENT, proof="private_key_jwt", jwks=public(key)
    )
    token_url = f"{demanding.origin}/as/token"
    form = f"grant_type=client_credentials&client_id={CLIENT}".encode()
    keys = ClientKeys(CLIENT, pem(key), key_id="key-1")

    def answers(request: Request) -> int:
        typed = {"Content-Type": "application/x-www-form-urlencoded"}
        body = request.body
        return demanding.control.post("/as/token", content=body, headers=typed).status_code

    good = prove(Request("POST", token_url, {}, form, assert_to=token_url), keys)
    elsewhere = prove(Request("POST", token_url, {}, form, assert_to="https://b.example"), keys)

    assert [answers(good), answers(good), answers(elsewhere)] == [200, 401, 401]


@pytest.mark.django_db(transaction=True)
def test_a_bank_that_wants_a_certificate_sees_it_in_every_handshake(
    demanding: SandboxBank, tmp_path: Path, settings: Any
) -> None:
    bank = know_bank(demanding)
    issued = demanding.do("PUT", "clients/proof", client_id=CLIENT, proof="tls_client_auth")
    authority = tmp_path / "authority.pem"
    authority.write_text(issued["authority"])
    settings.BANKS_CA_FILE = str(authority)
    close_connections()
    secure = f"https://aurelia-bank.localhost:{issued['port']}"
    there = {"base_url": secure, "token_url": f"{secure}/as/token"}
    kept(bank, proof=Proof("tls_client_auth"), **there)
    without = states(bank)
    until = certificate_until(issued["certificate"], issued["private_key"], at=timezone.now())
    kept(
        bank,
        proof=Proof("tls_client_auth", "", issued["private_key"], issued["certificate"], until),
        **there,
    )

    assert without == ["good", "danger", "waiting"]
    assert states(bank) == ["good", "good", "good"]
    page = browser_of(bank).get(page_of("integration", bank.slug)).content.decode()
    assert f"Good until {until:%-d %B %Y}" in page
    assert "PRIVATE KEY" not in page


def test_keys_are_told_fit_or_not_and_what_is_wrong() -> None:
    authority = make_authority("Test", at=NOW)
    ours = issue(authority, "portal", at=NOW)

    assert read_private_key(ours.key_pem).algorithm == "ES256"
    assert certificate_until(ours.certificate_pem, ours.key_pem, at=NOW) == NOW + timedelta(
        days=90
    )
    for field, certificate, key, at in (
        ("private_key", ours.certificate_pem, "not a key", NOW),
        ("private_key", ours.certificate_pem, pem(ec.generate_private_key(ec.SECP384R1())), NOW),
        ("certificate", "not a certificate", ours.key_pem, NOW),
        ("certificate", authority.certificate_pem, ours.key_pem, NOW),
        ("certificate", ours.certificate_pem, ours.key_pem, NOW + timedelta(days=91)),
        ("certificate", ours.certificate_pem, ours.key_pem, NOW - timedelta(days=1)),
    ):
        with pytest.raises(KeysRefused) as refused:
            certificate_until(certificate, key, at=at)
        assert refused.value.field == field


@pytest.mark.django_db
def test_the_page_takes_a_protocol_and_keys_and_shows_no_key(sandbox: SandboxBank) -> None:
    bank = know_bank(sandbox)
    where = page_of("integration", bank.slug)
    browser = browser_of(bank)
    ours = issue(make_authority("Test", at=timezone.now()), "portal", at=timezone.now())
    said = {
        "connector": "berlin_group",
        "base_url": "https://api.bank.example",
        "authorize_url": "https://bank.example/as/authorize",
        "token_url": "https://bank.example/as/token",
        "client_id": "portal",
        "authentication": "private_key_jwt",
        "key_id": "key-1",
    }
    without = browser.post(where, said)
    alone = browser.post(where, said | {"certificate": ours.certificate_pem})
    good = browser.post(
        where, said | {"certificate": ours.certificate_pem, "private_key": ours.key_pem}
    )

    assert (without.status_code, "private_key" in without.context["form"].errors) == (400, True)
    assert (alone.status_code, "private_key" in alone.context["form"].errors) == (400, True)
    assert good.status_code == 302
    with serving(bank.id):
        stored = Integration.objects.get()
    assert (stored.connector, stored.authentication) == ("berlin_group", "private_key_jwt")
    assert "PRIVATE KEY" not in stored.private_key
    page = browser.get(where).content.decode()
    assert "Berlin Group NextGenPSD2 1.3" in page
    assert "PRIVATE KEY" not in page
    assert browser.post(where, said).status_code == 302
    assert browser.get(where).status_code == httpx.codes.OK
