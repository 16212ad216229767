"""A consent that ends soon is told of thirty and seven days ahead, once each."""

from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent, ConsentEvent
from messaging.conversations.models import Message
from messaging.delivery.actions import remind_of_ends
from portal.tenancy.blocks import serving
from tests.factories.accounts import Household, make_consent, make_household

pytestmark = pytest.mark.django_db
MONTH, WEEK = "consent_ends_month", "consent_ends_week"


@pytest.fixture
def home() -> Household:
    return make_household()


def said(home: Household, at: datetime) -> list[str]:
    """What is in the chat after two looks at that time."""
    with serving(home.bank_id):
        for _again in range(2):
            remind_of_ends(at=at)
        return list(Message.objects.order_by("seq").values_list("template", flat=True))


def allow(home: Household, days: int) -> Consent:
    begun = timezone.now()
    return make_consent(
        home.customer, [home.account], at=begun, expires_at=begun + timedelta(days=days)
    )


def test_it_is_said_a_month_and_a_week_ahead_and_each_once(home: Household) -> None:
    end = allow(home, 90).expires_at

    assert said(home, end - timedelta(days=31)) == []
    assert said(home, end - timedelta(days=30)) == [MONTH]
    assert said(home, end - timedelta(days=8)) == [MONTH]
    assert said(home, end - timedelta(days=7)) == [MONTH, WEEK]
    assert said(home, end) == [MONTH, WEEK]
    with serving(home.bank_id):
        assert ConsentEvent.objects.filter(kind="reminded").count() == 2


def test_found_late_it_is_said_once(home: Household) -> None:
    end = allow(home, 90).expires_at

    assert said(home, end - timedelta(days=3)) == [WEEK]


def test_what_was_allowed_for_less_is_not_told_of_at_once(home: Household) -> None:
    consent = allow(home, 20)

    assert said(home, consent.granted_at) == []
    assert said(home, consent.expires_at - timedelta(days=6)) == [WEEK]


def test_what_has_ended_is_not_told_of(home: Household) -> None:
    consent = allow(home, 90)
    with serving(home.bank_id):
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")

    assert said(home, consent.expires_at - timedelta(days=3)) == []
