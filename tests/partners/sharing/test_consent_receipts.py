"""The receipt that a customer keeps: what they allowed, signed so that anybody can check it."""

import json
from typing import Any

import jwt
import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from portal.secrets.signing import rotate_signing_key
from portal.tenancy.blocks import serving
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_household,
)
from tests.partners.sharing.test_api import API_HOST
from tests.partners.sharing.test_views import Window

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Household:
    return make_household()


@pytest.fixture
def consent(home: Household) -> Consent:
    program = make_client(name="Thrift Garden")
    return make_consent(
        home.customer, [home.account], client=program, feeds=["balances"], locale="it"
    )


def fetched(home: Household, consent: Consent, form: str = "json") -> Any:
    window = Window()
    window.enter(home)
    return window.browser.get(f"/sharing/consents/{consent.id}/receipt.{form}")


def keys_of(home: Household) -> jwt.PyJWKSet:
    answered = Browser().get(
        f"/.well-known/banks/{home.bank.slug}/jwks.json", headers={"Host": API_HOST}
    )
    return jwt.PyJWKSet.from_dict(answered.json())


def checked(home: Household, jws: str) -> Any:
    """As an outsider checks it, who has the file and the bank's published keys."""
    key = keys_of(home)[jwt.get_unverified_header(jws)["kid"]]
    return jwt.decode(jws, key, algorithms=["EdDSA"])


def test_a_receipt_says_what_was_allowed_and_anybody_can_check_it(
    home: Household, consent: Consent
) -> None:
    answered = fetched(home, consent)

    kept = answered.json()
    receipt = kept["receipt"]
    (resource,) = receipt["resources"]
    assert answered.headers["Content-Disposition"].startswith("attachment")
    assert checked(home, kept["jws"]) == receipt
    assert receipt["recipient"]["name"] == "Thrift Garden"
    assert (receipt["purpose"]["code"], receipt["purpose"]["secondary_use"]) == (
        "budgeting",
        False,
    )
    assert (resource["account_id"], resource["feeds"]) == (str(home.account.id), ["balances"])
    assert receipt["notice"]["sha256"] == consent.notice.sha256
    assert (receipt["language"], receipt["jurisdiction"]) == ("it", home.bank.country)


def test_a_receipt_that_was_changed_does_not_check(home: Household, consent: Consent) -> None:
    head, body, signature = fetched(home, consent).json()["jws"].split(".")
    said = json.loads(jwt.utils.base64url_decode(body)) | {"valid_until": "2099-01-01T00:00:00Z"}
    forged = jwt.utils.base64url_encode(json.dumps(said).encode()).decode()

    with pytest.raises(jwt.InvalidSignatureError):
        checked(home, f"{head}.{forged}.{signature}")


@pytest.mark.parametrize("form", ["json", "pdf"])
def test_the_same_receipt_is_made_again_also_after_the_end(
    home: Household, consent: Consent, form: str
) -> None:
    first = fetched(home, consent, form)
    with serving(home.bank_id):
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")

    assert fetched(home, consent, form).content == first.content


def test_what_an_old_key_signed_stays_good(home: Household, consent: Consent) -> None:
    before = fetched(home, consent).json()
    with serving(home.bank_id):
        rotate_signing_key(at=timezone.now())
    after = fetched(home, consent).json()

    assert jwt.get_unverified_header(before["jws"]) != jwt.get_unverified_header(after["jws"])
    assert checked(home, before["jws"]) == checked(home, after["jws"])


@pytest.mark.parametrize(
    "name", ["Živilė Őrsi Ñandú", "Γιώργος Ελένη", "Дмитрий <b>Ё</b> & Co", "x" * 200, ""]
)
def test_the_pdf_takes_any_name_and_brings_its_typeface(
    home: Household, consent: Consent, name: str
) -> None:
    with serving(home.bank_id):
        home.customer.display_name = name
        home.customer.save()

    answered = fetched(home, consent, "pdf")

    assert answered.headers["Content-Type"] == "application/pdf"
    assert answered.content.startswith(b"%PDF-")
    assert b"/FontFile2" in answered.content


def test_somebody_elses_receipt_is_not_there(home: Household) -> None:
    other = make_household(home.bank)
    theirs = make_consent(other.customer, [other.account])

    assert fetched(home, theirs).status_code == 404
    assert fetched(home, theirs, "pdf").status_code == 404


def test_keys_of_a_bank_that_does_not_exist_are_not_found() -> None:
    answered = Browser().get("/.well-known/banks/nowhere/jwks.json", headers={"Host": API_HOST})

    assert answered.status_code == 404
