"""What nothing is allowed of any more ends at the bank too, even at one that does not listen at first."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from django.utils import timezone

from accounts.consent.actions import Resource, grant_consent, revoke_consent
from accounts.consent.latch import close_latch
from partners.banks.models import Bank, Customer
from partners.connections.ending import end_unused, tell_due
from partners.connections.models import Connection, SpareConsent
from partners.connections.rules import SETTLES_IN, told_again_at
from partners.connectors.base import ConnectorFailure, Grant
from partners.feeds.models import FeedCursor
from partners.integrations.queries import connector_of
from partners.integrations.runner import run
from partners.ledger.models import Account
from portal.outbox.relay import deliver_due
from portal.secrets.fields import open_secret
from portal.tenancy.blocks import serving
from tests.races import Doing, wait_for_waiting
from tests.sandbox_bank import SandboxBank, know_bank, know_customer, link

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


@pytest.fixture
def bank(sandbox: SandboxBank) -> Bank:
    return know_bank(sandbox)


@pytest.fixture
def linked(sandbox: SandboxBank, bank: Bank) -> tuple[Customer, UUID]:
    """A customer who linked, and their consent."""
    person = sandbox.customers()[0]
    customer = know_customer(bank, person)
    return customer, link(sandbox, customer, person["login"]).consent_id


def after(**wait: int) -> Callable[[], datetime]:
    return lambda: timezone.now() + timedelta(**wait)


def stored(bank: Bank) -> Connection:
    with serving(bank.id):
        return Connection.objects.select_related("integration__bank").get()


def take_back(bank: Bank, consent_id: UUID) -> None:
    with serving(bank.id):
        revoke_consent(consent_id=consent_id, at=timezone.now(), by="customer")


def test_a_connection_is_looked_at_again_when_its_last_consent_ends_or_one_is_taken_back(
    bank: Bank, linked: tuple[Customer, UUID]
) -> None:
    at_once = end_unused(bank_id=bank.id, clock=timezone.now)
    allowed = stored(bank)
    take_back(bank, linked[1])
    deliver_due(bank_id=bank.id, clock=timezone.now)
    soon = stored(bank)

    assert (at_once, allowed.status) == (0, "active")
    assert allowed.look_at > timezone.now() + timedelta(days=89)
    assert soon.look_at < timezone.now() + SETTLES_IN
    assert end_unused(bank_id=bank.id, clock=timezone.now) == 0, "what is under way settles first"


def test_what_nothing_is_allowed_of_ends_here_and_at_a_bank_that_was_away(
    sandbox: SandboxBank, bank: Bank, linked: tuple[Customer, UUID]
) -> None:
    before = stored(bank)
    connector = connector_of(before.integration)
    with serving(bank.id):
        grant = Grant(open_secret(before, "access_token"), before.external_consent_id)
    take_back(bank, linked[1])
    sandbox.be(error_rate=1.0, status=503)

    ended = [end_unused(bank_id=bank.id, clock=after(minutes=6)) for _twice in range(2)]
    away = [tell_due(bank_id=bank.id, clock=after(minutes=6)) for _twice in range(2)]
    sandbox.be()

    now = stored(bank)
    assert (ended, away) == ([1, 0], [0, 0])
    assert (now.status, now.access_token, now.refresh_token) == ("revoked", "", "")
    with serving(bank.id):
        assert not FeedCursor.objects.filter(due_at__isnull=False).exists()
        assert SpareConsent.objects.get().attempts == 1, "one try, and then it is left alone"
    assert run(connector.accounts(grant=grant)).records, "the bank does not know yet"
    assert tell_due(bank_id=bank.id, clock=after(minutes=8)) == 1
    with serving(bank.id):
        assert not SpareConsent.objects.exists()
    with pytest.raises(ConnectorFailure):
        run(connector.accounts(grant=grant))


def test_what_is_allowed_again_while_the_sweep_waits_goes_on(
    bank: Bank, linked: tuple[Customer, UUID]
) -> None:
    customer, consent_id = linked
    take_back(bank, consent_id)
    with serving(bank.id):
        close_latch(customer.id)
        sweep = Doing(lambda: end_unused(bank_id=bank.id, clock=after(minutes=6)))
        wait_for_waiting(1)
        at = timezone.now()
        grant_consent(
            customer_id=customer.id,
            recipient="chat",
            client_id=None,
            purpose_code="see_in_chat",
            locale="en",
            expires_at=at + timedelta(days=30),
            history_from=at.date(),
            resources=[Resource(Account.objects.latest("id").id, "feed", "balances")],
            at=at,
            by="customer",
        )

    assert sweep.result() == 0
    assert stored(bank).status == "active"
    assert stored(bank).look_at < at + timedelta(days=31)


def test_a_bank_is_told_again_ever_more_seldom() -> None:
    at = datetime(2026, 3, 1, tzinfo=UTC)
    waits = [told_again_at(at=at, attempts=each) - at for each in (0, 1, 5, 40)]
    assert waits == [timedelta(minutes=each) for each in (1, 2, 32, 360)]
