"""Trying a bank's systems, against a bank that really answers."""

import pytest
from django.utils import timezone

from partners.integrations.actions import check_integration, configure_integration
from partners.integrations.models import Integration
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.sandbox_bank import SandboxBank, know_bank

# The network is called between two transactions, so none may be open around the test.
pytestmark = pytest.mark.django_db(transaction=True)


def test_a_bank_that_answers_is_working(sandbox: SandboxBank) -> None:
    bank = know_bank(sandbox)
    found = check_integration(bank_id=bank.id, mode="test", clock=timezone.now)
    assert found.status == Integration.Status.WORKING
    assert [each["state"] for each in found.check_report] == ["good"] * 3
    assert all(each["aside"].endswith(" ms") for each in found.check_report)
    page = browser_of(bank).get(page_of("integration", bank.slug)).content.decode()
    assert "Working" in page
    assert "Sign in and open a consent" in page


def test_a_bank_that_is_down_is_failing_and_the_rest_is_not_tried(sandbox: SandboxBank) -> None:
    bank = know_bank(sandbox)
    sandbox.be(down=True)
    found = check_integration(bank_id=bank.id, mode="test", clock=timezone.now)
    assert found.status == Integration.Status.FAILING
    assert [each["state"] for each in found.check_report] == ["danger", "waiting", "waiting"]


def test_a_secret_that_the_bank_does_not_know_is_said(sandbox: SandboxBank) -> None:
    bank = know_bank(sandbox)
    with serving(bank.id):
        stored = Integration.objects.get()
        configure_integration(
            mode="test",
            base_url=stored.base_url,
            authorize_url=stored.authorize_url,
            token_url=stored.token_url,
            client_id=stored.client_id,
            client_secret="not what the bank knows",
        )
    found = check_integration(bank_id=bank.id, mode="test", clock=timezone.now)
    assert [each["state"] for each in found.check_report] == ["good", "danger", "waiting"]
    assert "not what the bank knows" not in str(found.check_report)
