"""Changing a consent on the customer's own page: less than before, another end, and never more."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from accounts.consent.models import Consent
from accounts.consent.queries import resources_of
from portal.tenancy.blocks import serving
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_household,
    make_link,
)
from tests.factories.partners import make_account
from tests.partners.sharing.test_api import make_program, read
from tests.partners.sharing.test_views import Window, read_in_chat

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Household:
    return make_household()


@pytest.fixture
def window(home: Household) -> Window:
    opened = Window()
    opened.enter(home)
    return opened


def key(account: Any, code: str, scope: str = "feed") -> str:
    return f"{account.id}:{scope}:{code}"


def press(window: Window, consent: Consent, *kept: str, ends: str = "", sure: bool = True) -> Any:
    path = f"/sharing/consents/{consent.id}/change"
    found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', window.text(path))
    assert found is not None
    said = {"csrfmiddlewaretoken": found[1], "kept_keys": list(kept), "ends": ends}
    sent = {"Origin": settings.CHAT_ORIGIN}
    return window.browser.post(path, said | ({"sure": "on"} if sure else {}), headers=sent)


def live(home: Household) -> list[Consent]:
    with serving(home.bank_id):
        return list(Consent.objects.filter(customer_id=home.customer.id, ended_at=None))


def test_what_a_change_does_is_said_before_it_is_done(home: Household, window: Window) -> None:
    consent = make_consent(home.customer, [home.account], feeds=["balances", "transactions"])

    told = press(window, consent, key(home.account, "balances"), ends="30", sure=False)

    page = told.content.decode()
    assert told.status_code == 200
    assert "can no longer be read" in page
    assert "It ends on" in page
    assert live(home) == [consent]
    assert read_in_chat(home).status_code == 200


def test_a_feed_is_switched_off_for_one_account_alone(home: Household, window: Window) -> None:
    second = make_account(home.bank)
    make_link(home.customer, second)
    both = [home.account, second]
    consent = make_consent(home.customer, both, feeds=["balances", "transactions"])
    kept = [
        key(home.account, "balances"),
        key(second, "balances"),
        key(second, "transactions"),
    ]

    press(window, consent, *kept)

    (newer,) = live(home)
    with serving(home.bank_id):
        named = {key(it.account, it.code, it.scope) for it in resources_of([newer.id])}
        consent.refresh_from_db()
    assert named == set(kept)
    assert (newer.expires_at, consent.ended_why) == (consent.expires_at, "superseded")
    assert read_in_chat(home).status_code == 404


def test_an_end_is_moved_and_a_program_goes_on_under_the_new_consent(
    home: Household, window: Window
) -> None:
    program = make_program(home, make_client(name="Pocket Plan"), feeds=["balances"])
    read(program.get("accounts"))
    (consent,) = live(home)

    press(window, consent, key(home.account, "balances"), ends="365")

    (newer,) = live(home)
    left = newer.expires_at - timezone.now()
    assert timedelta(days=364) < left <= timedelta(days=365)
    assert program.get("accounts").status_code == 403
    assert (newer.client_id, newer.purpose_id) == (consent.client_id, consent.purpose_id)


@pytest.mark.parametrize("kept", [[], ["receipts"], ["nonsense"]])
def test_a_change_never_names_more_nor_nothing(
    home: Household, window: Window, kept: list[str]
) -> None:
    consent = make_consent(home.customer, [home.account], feeds=["balances"])

    refused = press(window, consent, *(key(home.account, each) for each in kept))

    assert refused.status_code == 400
    assert live(home) == [consent]


def test_somebody_elses_consent_is_not_there_and_an_ended_one_leads_back(
    home: Household, window: Window
) -> None:
    other = make_household(home.bank)
    theirs = make_consent(other.customer, [other.account])
    mine = make_consent(home.customer, [home.account])
    window.press_end(mine)

    assert window.browser.get(f"/sharing/consents/{theirs.id}/change").status_code == 404
    assert window.browser.get(f"/sharing/consents/{mine.id}/change").status_code == 302


def test_how_often_somebody_read_is_drawn(home: Household, window: Window) -> None:
    make_consent(home.customer, [home.account])
    assert '<svg class="reads"' not in window.text()
    read_in_chat(home)

    assert '<svg class="reads"' in window.text()
