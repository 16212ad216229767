"""The demonstration's "Tamper": the pages see it break, and see it put back."""

from typing import Any

import pytest
from django.test import Client as Browser
from django.utils import timezone

from accounts.disclosure.sealing import seal_due
from partners.banks.models import Staff
from portal.local.tampering import tamper_or_restore
from tests.desk import browser_of
from tests.factories.accounts import Household, make_consent, make_household
from tests.factories.messaging import open_session_of
from tests.partners.sharing.test_views import Window

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


@pytest.fixture
def home() -> Household:
    """A customer of whom something was read three times."""
    made = make_household()
    make_consent(made.customer, [made.account])
    chat = open_session_of(made.bank, made.customer)
    for _ in range(3):
        read = Browser().get(f"/api/v1/accounts/{made.account.id}", headers=chat.headers)
        assert read.status_code == 200
    assert seal_due(bank_id=made.bank_id, clock=timezone.now) == 3
    return made


def test_a_customer_and_the_bank_see_the_chain_break_and_put_back(home: Household) -> None:
    window = Window()
    window.enter(home)
    console = f"/banks/{home.bank.slug}/disclosures/check/"
    desk = browser_of(home.bank, Staff.Role.COMPLIANCE)

    def seen() -> list[str]:
        pages: list[Any] = [window.text("/sharing/check"), desk.get(console).content.decode()]
        return [
            next(word for word in ("Whole", "Broken") if f"</svg>{word}</p>" in page)
            for page in pages
        ]

    assert seen() == ["Whole", "Whole"]
    tamper_or_restore(home.bank_id, home.customer.pseudonym)
    assert seen() == ["Broken", "Broken"]
    assert "Record 2 does not say any more what was sealed" in window.text("/sharing/check")
    tamper_or_restore(home.bank_id, home.customer.pseudonym)
    assert seen() == ["Whole", "Whole"]


def test_a_check_goes_on_where_its_second_was_over(
    home: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("accounts.disclosure.checking.PATIENCE_SECONDS", -1)
    monkeypatch.setattr("accounts.disclosure.checking.CHUNK", 5)
    window = Window()
    window.enter(home)

    page = window.text("/sharing/check")
    steps = 1
    while "Whole" not in page:
        assert "Checking" in page
        following = page.partition('hx-get="/sharing/check?from=')[2].partition('"')[0]
        page = window.text(f"/sharing/check?from={following}")
        steps += 1

    assert steps == 4


def test_only_the_demonstration_offers_it(home: Household) -> None:
    window = Window()
    window.enter(home)

    assert "Verify now" in window.text()
    assert "Tamper" not in window.text()
    assert window.browser.post("/start/tamper").status_code in {403, 404}
