"""The live example beside a feed's masks."""

import pytest

from partners.alerts.models import AlertRule
from partners.banks.models import Staff
from partners.feeds.models import Feed, FeedKind
from portal.tenancy.blocks import serving
from tests.desk import browser_of, page_of
from tests.factories.accounts import share
from tests.factories.partners import make_bank

pytestmark = pytest.mark.django_db


def shown(kind: str, *masked: str, alert_types: tuple[str, ...] = ()) -> str:
    bank = make_bank()
    share(bank, alert_types=alert_types)
    with serving(bank.id):
        AlertRule.objects.update(parameters={"threshold_minor": 400_00, "currency": "EUR"})
    asked = page_of("feed_example", bank.slug, kind)
    return browser_of(bank).get(asked, {"masked": masked}).content.decode()


@pytest.mark.parametrize("kind", FeedKind.values)
def test_there_is_an_example_of_every_feed(kind: str) -> None:
    assert "What a reader sees" in shown(kind)


def test_the_example_follows_what_is_ticked_before_it_is_saved() -> None:
    plain = shown("transactions")
    masked = shown("transactions", "booked_on:month", "amount:band", "merchant_country")

    assert "-34.90 EUR" in plain
    assert "2026-03-14" in plain
    for hidden in ("34.90", "389", "2026-03-14", "11:26", "MALMO"):
        assert hidden not in masked
    assert "-20.00 to -50.00 EUR" in masked
    assert "2026-03" in masked
    assert "Bottega Verde" in masked


def test_it_says_which_alerts_are_held_back_and_what_balances_would_tell() -> None:
    told = shown("transactions", "amount:band", alert_types=("large_payment", "salary"))

    assert "held back: Large payment" in " ".join(told.split())
    assert "Balances read one after the other" in told
    assert "held back" not in shown("transactions", alert_types=("large_payment",))


def test_whoever_may_not_tick_sees_the_example_of_what_holds() -> None:
    bank = make_bank()
    share(bank)
    with serving(bank.id):
        Feed.objects.filter(kind="transactions").update(masked_fields=["amount:band"])

    page = browser_of(bank, Staff.Role.AUDITOR).get(page_of("feeds", bank.slug)).content.decode()

    assert "transactions/example/?masked=amount%3Aband" in page
