"""How to reach a bank's systems, kept and tried from the console."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from partners.banks.models import Bank, Staff
from partners.integrations.models import Integration
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db

SAID = {
    "base_url": "https://api.bank.example",
    "authorize_url": "https://bank.example/as/authorize",
    "token_url": "https://bank.example/as/token",
    "client_id": "portal",
    "client_secret": "a-secret-that-is-never-shown",  # stray: allowed
}


def stored(bank: Bank) -> Integration:
    with serving(bank.id):
        return Integration.objects.get()


def secret_of(bank: Bank) -> str:
    return open_secret(stored(bank), "client_secret")


def test_addresses_and_secret_are_kept_and_the_secret_is_never_shown() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("integration", bank.slug)
    answer = browser.post(where, SAID, follow=True)
    assert answer.redirect_chain[-1] == (where, 302)
    page = answer.content.decode()
    assert SAID["base_url"] in page
    assert SAID["client_secret"] not in page
    assert SAID["client_secret"] not in stored(bank).client_secret
    assert secret_of(bank) == SAID["client_secret"]


def test_an_empty_secret_keeps_the_old_one_and_a_change_is_untested() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    where = page_of("integration", bank.slug)
    browser.post(where, SAID)
    with serving(bank.id):
        Integration.objects.update(status="working", checked_at=timezone.now())
    changed = SAID | {"client_secret": "", "base_url": "https://new.bank.example"}
    assert browser.post(where, changed).status_code == 302
    assert secret_of(bank) == SAID["client_secret"]
    assert stored(bank).status == "untested"
    assert "Not tested yet" in browser.get(where).content.decode()


def test_the_first_time_a_secret_is_needed() -> None:
    bank = make_bank()
    answer = browser_of(bank).post(page_of("integration", bank.slug), SAID | {"client_secret": ""})
    assert answer.status_code == 400
    assert "client_secret" in answer.context["form"].errors


@pytest.mark.parametrize(
    "address",
    ["", "bank", "ftp://bank.example", "javascript:alert(1)", "https://", "https://a b.example"],
)
def test_what_is_no_address_is_refused_and_stays_typed(address: str) -> None:
    bank = make_bank()
    answer = browser_of(bank).post(
        page_of("integration", bank.slug), SAID | {"token_url": address}
    )
    assert answer.status_code == 400
    assert "token_url" in answer.context["form"].errors
    page = answer.content.decode()
    assert SAID["base_url"] in page
    assert SAID["client_secret"] not in page


def test_production_takes_https_alone(settings: Any) -> None:
    settings.PRODUCTION = True
    bank = make_bank()
    plain = SAID | {"base_url": "http://api.bank.example"}
    answer = browser_of(bank).post(page_of("integration", bank.slug), plain)
    assert "base_url" in answer.context["form"].errors


def test_a_test_is_asked_for_and_followed() -> None:
    bank = make_bank()
    browser = browser_of(bank)
    browser.post(page_of("integration", bank.slug), SAID)
    where = page_of("integration_test", bank.slug)
    answer = browser.post(where)
    assert answer["Location"] == page_of("integration", bank.slug) + "#test"
    busy = browser.get(where).content.decode()
    assert "under way" in busy
    assert f'hx-get="{where}"' in busy
    with serving(bank.id):
        Integration.objects.update(checked_at=timezone.now() - timedelta(minutes=5))
    assert "Test now" in browser.get(where).content.decode()  # lost: it can be asked for again


def test_without_addresses_there_is_nothing_to_test() -> None:
    bank = make_bank()
    answer = browser_of(bank).post(page_of("integration_test", bank.slug), follow=True)
    assert "Save the addresses first" in answer.content.decode()


def test_who_may_not_change_sees_closed_fields() -> None:
    bank = make_bank()
    page = browser_of(bank, Staff.Role.AUDITOR).get(page_of("integration", bank.slug))
    assert all(field.disabled for field in page.context["form"].fields.values())
    assert "Test now" not in page.content.decode()
