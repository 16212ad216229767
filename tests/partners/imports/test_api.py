"""The doors by which a bank's own systems bring statement files."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from django.conf import settings
from django.test import Client
from django.utils import timezone

from partners.banks.models import Bank
from partners.connectors.base import Request, Response
from partners.imports.api import TAKEN
from partners.imports.models import StatementImport
from partners.imports.words import FORMATS, WHY
from partners.integrations.actions import configure_integration
from portal.tenancy.blocks import serving
from tests.contracts.connectors.official import Specification
from tests.factories.partners import make_bank
from tests.partners.imports.conftest import Home
from tests.partners.imports.written import OTHER_IBAN, ofx, read_all, rows, table

pytestmark = pytest.mark.django_db

KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLISHED = Path(__file__).resolve().parents[3] / "partners/connectors/partner/openapi.yaml"
API = {"host": f"api.{settings.PORTAL_AUTHORITY}"}


@pytest.fixture
def speaking(home: Home) -> Home:
    """The home's bank, which publishes its keys and has connected its systems."""
    publish(home.bank)
    return home


def publish(bank: Bank) -> None:
    public = jwt.algorithms.RSAAlgorithm.to_jwk(KEY.public_key(), as_dict=True)
    keys = {"keys": [dict(public) | {"kid": "k1", "use": "sig", "alg": "PS256"}]}
    bank.jwks, bank.jwks_fetched_at = keys, timezone.now()
    bank.save()
    with serving(bank.id):
        configure_integration(
            mode="test",
            base_url=bank.issuer,
            authorize_url=f"{bank.issuer}/authorize",
            token_url=f"{bank.issuer}/token",
            client_id="portal",
            client_secret="not a real secret",
        )


def token(bank: Bank, **changed: Any) -> str:
    now = int(timezone.now().timestamp())
    claims = {
        "iss": bank.issuer,
        "aud": "portal",
        "scope": "statements",
        "iat": now,
        "exp": now + 300,
        "jti": uuid4().hex,
    }
    return jwt.encode(claims | changed, KEY, algorithm="PS256", headers={"kid": "k1"})


def send(
    bank: Bank, content: bytes, *, bearer: str = "", kind: str = "application/xml", **headers: str
) -> Any:
    said = {"authorization": f"Bearer {bearer or token(bank)}", **API, **headers}
    where = f"/banks/{bank.slug}/statement-imports"
    return Client().post(where, content, kind, headers=said)


def look(bank: Bank, where: str) -> Any:
    return Client().get(
        where.removeprefix(settings.API_ORIGIN),
        headers={"authorization": f"Bearer {token(bank)}", **API},
    )


def test_a_bank_brings_a_file_and_sees_what_became_of_it(speaking: Home) -> None:
    name = "attachment; filename*=UTF-8''march%20one.xml"
    answered = send(speaking.bank, ofx(rows(5)), **{"content-disposition": name})
    read_all(speaking.bank_id)

    body = look(speaking.bank, answered["Location"]).json()

    assert answered.status_code == 202
    assert (body["state"], body["format"], body["file_name"]) == ("done", "ofx", "march one.xml")
    assert (body["counts"]["entries"], body["counts"]["added"]) == (5, 5)


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("a%00b%0A.ofx", "ab.ofx"),
        ("..%2F..%2Fetc%2Fmarch.ofx", "march.ofx"),
        ("%00", ""),
        (f"{'x' * 300}.ofx", f"{'x' * 196}.ofx"),
    ],
)
def test_of_a_name_is_kept_what_can_be_shown_of_its_end(
    speaking: Home, written: str, kept: str
) -> None:
    name = {"content-disposition": f'attachment; filename="{written}"'}

    answered = send(speaking.bank, ofx(rows(1)), **name)

    assert (answered.status_code, answered.json()["file_name"]) == (202, kept)


def test_the_same_file_again_is_the_same_import(speaking: Home) -> None:
    first = send(speaking.bank, ofx(rows(5)))

    again = send(speaking.bank, ofx(rows(5)))

    assert (first.status_code, again.status_code) == (202, 200)
    assert again["Location"] == first["Location"]


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://another.example"},
        {"aud": "somebody"},
        {"scope": "events"},
        {"exp": int((timezone.now() + timedelta(hours=2)).timestamp())},
        {"exp": int((timezone.now() - timedelta(hours=2)).timestamp())},
        {"iat": None},
    ],
)
def test_a_token_for_something_else_opens_nothing(
    speaking: Home, changed: dict[str, Any], folder: Path
) -> None:
    answered = send(speaking.bank, ofx(rows(5)), bearer=token(speaking.bank, **changed))

    assert answered.status_code == 401
    assert answered.json()["type"].endswith("/problems/not-signed-in")
    assert not list((folder / "imports").rglob("*"))


def test_another_banks_token_opens_nothing_and_its_imports_are_not_there(speaking: Home) -> None:
    other = make_bank()
    publish(other)
    mine = send(speaking.bank, ofx(rows(2)))["Location"]

    answered = send(speaking.bank, ofx(rows(3)), bearer=token(other))

    assert answered.status_code == 401
    assert look(other, mine.replace(speaking.bank.slug, other.slug)).status_code == 404


@pytest.mark.parametrize(
    ("content", "kind", "headers", "status", "slug"),
    [
        (b"PK\x03\x04 packed", "application/xml", {}, 422, "not-a-statement"),
        (b"\x1f\x8b packed", "application/xml", {}, 422, "not-a-statement"),
        (b"  \n", "text/csv", {}, 422, "not-a-statement"),
        (b"a\0b\0", "text/csv", {}, 422, "not-a-statement"),
        (b"{}", "application/json", {}, 415, "unsupported-media-type"),
        (b"x", "text/csv", {"content-encoding": "gzip"}, 415, "unsupported-media-type"),
    ],
)
def test_what_is_no_statement_is_refused_with_what_it_is(
    speaking: Home,
    folder: Path,
    content: bytes,
    kind: str,
    headers: dict[str, str],
    status: int,
    slug: str,
) -> None:
    answered = send(speaking.bank, content, kind=kind, **headers)

    assert answered.status_code == status
    assert answered.json()["type"].endswith(f"/problems/{slug}")
    with serving(speaking.bank_id):
        assert not StatementImport.objects.exists()
    assert not [each for each in (folder / "imports").rglob("*") if each.is_file()]


def complaints(judge: Specification, method: str, url: str, answered: Any) -> Iterator[str]:
    """What the description has against an answer."""
    told = Response(answered.status_code, dict(answered.headers), answered.content)
    request = Request(method, url.removeprefix(settings.API_ORIGIN))  # type: ignore[arg-type]
    for each in judge.answer_complaints(request, told):
        yield f"{method} {answered.status_code}: {each}"


def test_banks_are_answered_as_the_description_says(speaking: Home) -> None:
    judge, bank = Specification.read(PUBLISHED), speaking.bank
    here = f"/banks/{bank.slug}/statement-imports"
    brought = [
        send(bank, ofx(rows(3))),
        send(bank, ofx(rows(3))),
        send(bank, ofx(rows(2), account=OTHER_IBAN)),
        send(bank, ofx(rows(4))[:-20]),
        send(bank, table(rows(3)), kind="text/csv"),
        send(bank, b"PK\x03\x04 packed"),
        send(bank, b"{}", kind="application/json"),
        send(bank, ofx(rows(5)), bearer="nonsense"),
        send(bank, ofx(rows(5)), **{"content-length": str(2 * 1024**3)}),
    ]
    places = [each["Location"] for each in brought if "Location" in each]
    waiting = [look(bank, each) for each in places]
    read_all(speaking.bank_id)
    read = [look(bank, each) for each in places]
    nowhere = look(bank, f"{here}/{uuid4()}")

    found = [each for one in brought for each in complaints(judge, "POST", here, one)]
    for one in (*waiting, *read, nowhere):
        found += complaints(judge, "GET", places[0], one)
    states = {each.json()["state"] for each in (*waiting, *read)}
    assert found == []
    assert [each.status_code for each in brought] == [202, 200, 202, 202, 202, 422, 415, 401, 413]
    assert states == {"received", "needs_mapping", "done", "refused"}
    assert nowhere.status_code == 404


def test_the_description_names_every_state_and_every_kind_of_file() -> None:
    whole = Specification.read(PUBLISHED).whole
    told = whole["components"]["schemas"]["StatementImport"]["properties"]
    door = whole["paths"]["/banks/{Bank}/statement-imports"]["post"]

    assert told["state"]["enum"] == StatementImport.State.values
    assert told["format"]["enum"] == [*FORMATS, None]
    assert set(told["left_out"]["items"]["properties"]["why"]["examples"]) == set(WHY)
    assert all(TAKEN.fullmatch(each) for each in door["requestBody"]["content"])


class Endless(io.RawIOBase):
    """Says that it is two gigabytes, and breaks when anybody reads it."""

    def read(self, size: int = -1) -> bytes:  # noqa: ARG002  # as any stream
        raise AssertionError("read before it was refused")


def test_two_gigabytes_are_refused_before_a_byte_is_read(speaking: Home) -> None:
    answered = Client().generic(
        "POST",
        f"/banks/{speaking.bank.slug}/statement-imports",
        content_type="application/xml",
        headers={"authorization": f"Bearer {token(speaking.bank)}", **API},
        **{
            "wsgi.input": Endless(),
            "CONTENT_TYPE": "application/xml",
            "CONTENT_LENGTH": str(2 * 1024**3),
        },
    )

    assert answered.status_code == 413
    assert answered.json()["detail"] == "A statement file has at most 512 MB. Cut it up by day."
