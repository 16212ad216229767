"""Erasures as the bank sees them: asked for, held back, done, with the evidence; and who is kept."""

from datetime import timedelta

import pytest
from django.utils import timezone

from partners.compliance.queries import PAGE
from partners.records.actions import place_hold, request_erasure
from partners.records.erasing import erase_due
from partners.records.models import ErasureJob
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import make_household
from tests.factories.partners import make_bank, make_customer
from tests.partners.compliance.written import statements

pytestmark = pytest.mark.django_db


def test_each_stands_with_how_far_it_is_and_its_evidence() -> None:
    bank = make_bank()
    kept = make_household(bank).customer
    gone = make_customer(bank, external_id="AUR-7", display_name="Giulia Ferrante")
    at = timezone.now()
    with serving(bank.id):
        place_hold(customer_id=kept.id, reason="A court asks for it.", by="staff:x", at=at)
        request_erasure(customer_id=kept.id, by="customer", at=at)
        request_erasure(customer_id=gone.id, by="customer", at=at + timedelta(seconds=1))
    while erase_due(bank_id=bank.id, clock=lambda: timezone.now() + timedelta(minutes=1)):
        pass

    browser = browser_of(bank)
    page = browser.get(page_of("erasures", bank.slug))

    first, second = page.context["erasures"]
    assert (str(first["state_label"]), first["reference"], first["url"]) == ("Done", "", "")
    assert first["rows"] >= 1
    assert (str(second["state_label"]), second["reference"]) == ("Held back", kept.external_id)
    assert second["url"] == page_of("customer", bank.slug, kept.id)
    (hold,) = page.context["holds"]
    assert (hold["reason"], hold["url"]) == ("A court asks for it.", second["url"])
    words = page.content.decode()
    assert "AUR-7" not in words
    assert "Giulia" not in words
    evidence = browser.get(first["evidence_url"])
    assert evidence.status_code == 200
    assert str(first["id"]) in evidence.content.decode()
    waits = page_of("erasure_evidence", bank.slug, second["id"])
    assert browser.get(waits).status_code == 302


def test_they_are_paged_by_key_and_cost_the_same() -> None:
    bank = make_bank()
    at = timezone.now()
    browser, where = browser_of(bank), page_of("erasures", bank.slug)
    with serving(bank.id):
        request_erasure(customer_id=make_customer(bank).id, by="customer", at=at)
    before = statements(browser, where)
    with serving(bank.id):
        for step in range(PAGE + 3):
            request_erasure(
                customer_id=make_customer(bank).id,
                by="customer",
                at=at - timedelta(seconds=step // 2),
            )

    assert statements(browser, where) == before
    first = browser.get(where)
    second = browser.get(where + first.context["page"]["older_url"])
    ids = [each["id"] for page in (first, second) for each in page.context["erasures"]]
    with serving(bank.id):
        assert sorted(ids) == sorted(ErasureJob.objects.values_list("id", flat=True))
    assert browser.get(where, {"cursor": "x"}).status_code == 400


def test_where_nobody_asked_it_says_so() -> None:
    bank = make_bank()
    words = browser_of(bank).get(page_of("erasures", bank.slug)).content.decode()
    assert "Nobody asked" in words
    assert "Nobody is kept" in words


@pytest.mark.parametrize("role", ["agent", "integrator"])
def test_only_who_may_see_disclosures_sees_them(role: str) -> None:
    bank = make_bank()
    assert browser_of(bank, role).get(page_of("erasures", bank.slug)).status_code == 403
