from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.consent.actions import ConsentInvalid, Resource, UnknownPurpose, revoke_consent
from accounts.consent.models import Consent, ConsentEvent
from accounts.consent.queries import live_consents, reach_of_consent, resources_of
from portal.outbox.models import OutboxDelivery, OutboxEvent
from portal.rest.problems import NotFound
from portal.tenancy.blocks import serving, serving_consent, serving_customer
from tests.factories.accounts import (
    ALL_FEEDS,
    Household,
    make_client,
    make_consent,
    make_household,
    make_link,
)
from tests.factories.partners import make_account, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Household:
    return make_household()


def live(home: Household, **whose: Any) -> list[Consent]:
    with serving(home.bank_id):
        return list(live_consents(home.customer.id, at=timezone.now(), **whose))


def test_a_consent_keeps_the_words_it_was_explained_with(home: Household) -> None:
    consent = make_consent(home.customer, [home.account], locale="it-CH")

    assert consent.notice.locale == "it"
    assert consent.notice.purpose == consent.purpose
    assert make_consent(home.customer, [home.account], locale="pt").notice.locale == "en"


def test_granting_is_written_down_and_told(home: Household) -> None:
    consent = make_consent(home.customer, [home.account])

    with serving(home.bank_id):
        (event,) = ConsentEvent.objects.all()
        (told,) = OutboxEvent.objects.all()
    assert (event.kind, event.consent_id, event.by) == ("granted", consent.id, "customer")
    assert (told.name, told.key) == ("ConsentGranted", f"customer:{home.customer.id}")
    assert told.data == {"consent_id": str(consent.id), "customer_id": str(home.customer.id)}


def test_a_change_replaces_the_consent_before_it(home: Household) -> None:
    first = make_consent(home.customer, [home.account])
    second = make_consent(home.customer, [home.account], feeds=["balances"])

    assert live(home) == [second]
    with serving(home.bank_id):
        first.refresh_from_db()
        kinds = list(ConsentEvent.objects.order_by("id").values_list("kind", flat=True))
        names = list(OutboxEvent.objects.order_by("seq").values_list("name", flat=True))
    assert first.ended_why == "superseded"
    assert kinds == ["granted", "superseded", "granted"]
    assert names == ["ConsentGranted", "ConsentSuperseded", "ConsentGranted"]


def test_accounts_that_a_change_does_not_name_stay_as_they_were(home: Household) -> None:
    other = make_account(home.bank)
    make_link(home.customer, other)
    first = make_consent(home.customer, [home.account, other], history_from=date(2025, 5, 5))
    second = make_consent(home.customer, [other], feeds=["balances"])

    rest = [each for each in live(home) if each.id != second.id]

    assert len(rest) == 1
    (kept,) = rest
    with serving(home.bank_id):
        named = {(each.account_id, each.code) for each in resources_of([kept.id])}
    assert named == {(home.account.id, each) for each in ALL_FEEDS}
    assert (kept.expires_at, kept.history_from) == (first.expires_at, date(2025, 5, 5))
    assert kept.id != first.id


def test_consents_of_others_are_not_replaced(home: Household) -> None:
    chat = make_consent(home.customer, [home.account])
    client = make_client()
    program = make_consent(home.customer, [home.account], client=client)
    make_consent(home.customer, [home.account], client=make_client())
    make_consent(make_customer(home.bank), [home.account])

    assert live(home, recipient="chat") == [chat]
    assert live(home, recipient="client", client_id=client.id) == [program]


def test_a_consent_lasts_a_year_at_most(home: Household) -> None:
    at = timezone.now()
    make_consent(home.customer, [home.account], at=at, expires_at=at + timedelta(days=365))
    for expires_at in (at, at - timedelta(days=1), at + timedelta(days=365, seconds=1)):
        with pytest.raises(ConsentInvalid):
            make_consent(home.customer, [home.account], at=at, expires_at=expires_at)


def test_a_consent_for_nothing_or_for_no_known_purpose_is_refused(home: Household) -> None:
    with pytest.raises(ConsentInvalid):
        make_consent(home.customer, [])
    with pytest.raises(UnknownPurpose):
        make_consent(home.customer, [home.account], purpose_code="advertising")
    assert live(home) == []


def test_revoking_is_final_and_told_once(home: Household) -> None:
    consent = make_consent(home.customer, [home.account])
    at = timezone.now()
    with serving_customer(home.bank_id, home.customer.id):
        revoke_consent(consent_id=consent.id, at=at, by="customer")
        again = revoke_consent(consent_id=consent.id, at=at + timedelta(hours=1), by="staff")

    assert (again.ended_at, again.ended_why) == (at, "revoked")
    with serving(home.bank_id):
        assert ConsentEvent.objects.filter(kind="revoked").count() == 1
        assert OutboxEvent.objects.filter(name="ConsentRevoked").count() == 1
    assert live(home) == []


def test_another_customer_can_neither_see_nor_revoke_it(home: Household) -> None:
    consent = make_consent(home.customer, [home.account])
    neighbour, stranger = make_household(home.bank), make_household()

    for other in (neighbour, stranger):
        with serving_customer(other.bank_id, other.customer.id), pytest.raises(NotFound):
            revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")
    with serving(stranger.bank_id):
        assert reach_of_consent(consent.id) is None
    assert live(home) == [consent]


def test_a_consents_block_reaches_the_accounts_that_it_names(home: Household) -> None:
    other = make_account(home.bank)
    make_link(home.customer, other)
    consent = make_consent(home.customer, [other])

    with serving_consent(home.bank_id, consent.id) as now:
        assert now.account_ids == (other.id,)
        assert (now.customer_id, now.pseudonym) == (home.customer.id, home.customer.pseudonym)


def test_the_same_resource_twice_is_kept_once(home: Household) -> None:
    twice = ["balances", "balances"]
    consent = make_consent(home.customer, [home.account], feeds=twice)

    with serving(home.bank_id):
        found = [
            Resource(each.account_id, each.scope, each.code) for each in resources_of([consent.id])
        ]
    assert found == [Resource(home.account.id, "feed", "balances")]


def test_the_end_of_a_programs_time_is_told_when_it_comes(home: Household) -> None:
    consent = make_consent(home.customer, [home.account], client=make_client())
    make_consent(home.customer, [home.account])

    with serving(home.bank_id):
        (told,) = OutboxEvent.objects.filter(name="ConsentLapsed")
        (delivery,) = OutboxDelivery.objects.filter(event=told)
    assert told.data["consent_id"] == str(consent.id)
    # A key of its own: what waits for months holds up nothing.
    assert told.key == f"consent:{consent.id}"
    assert delivery.due_at == consent.expires_at


def test_a_purpose_is_not_stretched_to_what_it_does_not_need(home: Household) -> None:
    program = make_client()
    watch = {"client": program, "purpose_code": "balance_watch"}

    allowed = make_consent(home.customer, [home.account], feeds=["balances"], **watch)

    assert allowed.purpose.code == "balance_watch"
    with pytest.raises(ConsentInvalid, match="does not need"):
        make_consent(home.customer, [home.account], feeds=["transactions"], **watch)
    assert live(home) == [allowed]
