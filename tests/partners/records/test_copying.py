"""The page "Your data", and a copy as the files that a browser gets."""

import csv
import io
import json
import zipfile
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings
from django.test import Client as Browser
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent
from accounts.signin.actions import make_window_code
from partners.integrations.models import Integration
from partners.records.copying import PAGE, Page
from partners.records.erasing import erase_due
from partners.records.files import as_json, as_tables
from partners.records.models import ErasureJob
from partners.records.rules import as_cell
from partners.records.views import COPIES_AN_HOUR
from portal.secrets.fields import keep_secret
from portal.secrets.signing import rotate_signing_key
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import Household, make_consent, make_entry, make_household
from tests.factories.messaging import CHAT_HOST
from tests.isolation.telltales import content_of
from tests.partners.sharing.test_consent_receipts import checked

AT = timezone.now()


class TestFiles:
    PAGES = (
        Page("customer", [{"name": "Ada", "note": None}]),
        Page("entry", [{"id": "1", "amount": {"amount": "-1.20", "currency": "EUR"}}]),
        Page("entry", [{"id": "2", "amount": {"amount": "3.00", "currency": "EUR"}}]),
        Page("alert", []),
        Page("withheld", []),
    )

    def test_json_has_a_list_for_each_part(self) -> None:
        whole = json.loads(b"".join(as_json(self.PAGES, made_at=AT)))

        assert whole.pop("made_at")
        assert [each["id"] for each in whole["entry"]] == ["1", "2"]
        assert whole["customer"] == [{"name": "Ada", "note": None}]
        assert (whole["alert"], whole["withheld"]) == ([], [])

    def test_an_archive_has_a_table_for_each_part_that_has_rows(self) -> None:
        whole = b"".join(as_tables(self.PAGES, made_at=AT))

        archive = zipfile.ZipFile(io.BytesIO(whole))
        assert archive.testzip() is None
        assert sorted(archive.namelist()) == ["customer.csv", "entry.csv"]
        rows = list(csv.DictReader(io.StringIO(archive.read("entry.csv").decode())))
        assert [each["id"] for each in rows] == ["1", "2"]
        assert json.loads(rows[0]["amount"]) == {"amount": "-1.20", "currency": "EUR"}

    def test_a_long_archive_is_written_a_piece_at_a_time(self) -> None:
        pages = [Page("entry", [{"id": f"{n}-{k}" * 20} for k in range(500)]) for n in range(40)]

        pieces = list(as_tables(pages, made_at=AT))

        assert len(pieces) > 10
        archive = zipfile.ZipFile(io.BytesIO(b"".join(pieces)))
        assert archive.read("entry.csv").count(b"\r\n") == 40 * 500 + 1

    @given(st.text(max_size=40))
    def test_no_cell_is_a_formula(self, text: str) -> None:
        cell = as_cell(text)

        assert cell.lstrip("'") in (text, text.lstrip("'"))
        assert not cell.startswith(("=", "+", "@", "\t", "\r"))
        assert not cell.startswith("-") or cell[1:].replace(".", "", 1).isdigit()


@pytest.mark.django_db
class TestPage:
    @pytest.fixture
    def home(self) -> Household:
        return make_household()

    def test_it_says_how_much_is_held(self, home: Household) -> None:
        make_entry(home.account, description="A bakery")

        shown = _window(home).get("/records/").content.decode()

        assert "Your data" in shown
        assert "Payments" in shown

    def test_a_stranger_gets_no_copy(self) -> None:
        browser = Browser(headers={"Host": CHAT_HOST})

        assert browser.get("/records/copy.json").status_code == 403
        assert browser.get("/records/erase").status_code == 403

    def test_a_copy_of_many_pages_is_whole(self, home: Household) -> None:
        make_consent(home.customer, [home.account])
        for number in range(PAGE + 3):
            make_entry(home.account, description=f"Payment {number}", external_id=f"e{number}")

        copied = json.loads(_fetched(_window(home), "/records/copy.json"))

        ids = [each["id"] for each in copied["transaction"]]
        assert len(ids) == len(set(ids))
        words = {each["description"] for each in copied["transaction"]}
        assert {f"Payment {number}" for number in range(PAGE + 3)} <= words

    def test_what_is_shared_no_more_is_named_and_left_out(self, home: Household) -> None:
        make_entry(home.account, description="A bakery")
        make_consent(home.customer, [home.account])
        with serving(home.bank_id):
            for each in Consent.objects.filter(ended_at=None):
                revoke_consent(consent_id=each.id, at=timezone.now(), by="customer")

        copied = json.loads(_fetched(_window(home), "/records/copy.json"))

        assert copied.get("transaction", []) == []
        assert {"part": "account", "why": "consent-revoked"} in copied["withheld"]
        assert copied["consent"]
        assert copied["customer"][0]["external_id"] == home.customer.external_id

    def test_there_is_an_archive_too_and_no_other_form(self, home: Household) -> None:
        window = _window(home)

        archive = zipfile.ZipFile(io.BytesIO(_fetched(window, "/records/copy.zip")))

        assert "customer.csv" in archive.namelist()
        assert window.get("/records/copy.pdf").status_code == 404

    def test_copies_are_counted(self, home: Household, settings: Any) -> None:
        settings.LIMIT_FACTOR = 1
        window = _window(home)

        answers = [window.get("/records/copy.json") for _ in range(COPIES_AN_HOUR + 1)]

        assert [each.status_code for each in answers[:-1]] == [200] * COPIES_AN_HOUR
        assert answers[-1].status_code == 429
        assert int(answers[-1]["Retry-After"]) > 0

    def test_an_erasure_is_asked_for_once_more(self, home: Household) -> None:
        window = _window(home)

        asked = window.get("/records/erase").content.decode()
        unsure = window.post("/records/erase", {})
        begun = window.post("/records/erase", {"sure": "on"})
        shown = window.get("/records/erased").content.decode()

        assert "cannot be undone" in asked
        assert unsure.status_code == 400
        assert begun.status_code == 302
        assert "Erasing" in shown
        assert window.get("/records/erased.json")["Location"] == "/records/erased"

    def test_the_evidence_is_signed_and_anybody_can_check_it_for_ever(
        self, home: Household
    ) -> None:
        window = _window(home)
        window.post("/records/erase", {"sure": "on"})
        with serving(home.bank_id):
            integration = Integration.objects.get()
            keep_secret(integration, "client_secret", "not a real secret")
            integration.save()
        for hours in range(1, 8):  # the bank of this household cannot be reached
            later = timezone.now() + timedelta(hours=hours)
            erase_due(bank_id=home.bank_id, clock=lambda later=later: later)

        kept = json.loads(_fetched(window, "/records/erased.json"))
        with serving(home.bank_id):
            rotate_signing_key(at=timezone.now())
            job = ErasureJob.objects.get()

        erasure = kept["erasure"]
        assert checked(home, kept["jws"]) == erasure
        assert jwt.get_unverified_header(kept["jws"])["typ"] == "erasure+jws"
        assert (erasure["erasure_id"], erasure["erased"]) == (str(job.id), job.erased)
        assert erasure["erased"]["entry"] == 2
        assert "disclosure" in erasure["kept"]
        for secret in (home.customer.display_name, str(home.customer.id)):
            assert secret not in json.dumps(erasure)
        head, _body, signature = kept["jws"].split(".")
        other = jwt.utils.base64url_encode(json.dumps(erasure | {"erased": {}}).encode())
        with pytest.raises(jwt.InvalidSignatureError):
            checked(home, f"{head}.{other.decode()}.{signature}")


def _window(home: Household) -> Browser:
    browser = Browser(headers={"Host": CHAT_HOST})
    with serving_customer(home.bank_id, home.customer.id):
        made = make_window_code(customer_id=home.customer.id, purpose="sharing", at=timezone.now())
    sent = {"Origin": settings.CHAT_ORIGIN}
    assert browser.post("/sharing/enter", {"code": made.code}, headers=sent).status_code == 302
    return browser


def _fetched(window: Browser, path: str) -> bytes:
    answer = window.get(path)
    assert answer.status_code == 200, path
    return content_of(answer)
