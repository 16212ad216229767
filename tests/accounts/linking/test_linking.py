from uuid import uuid4

import pytest
from django.utils import timezone

from accounts.linking.actions import end_link, link_account
from accounts.linking.models import Link
from accounts.linking.queries import linked_customer_ids, links_of, reach_of_customer, was_linked
from partners.ledger.models import Account
from portal.tenancy.blocks import NotServed, serving, serving_customer
from tests.factories.accounts import Household, make_connection, make_household, make_link
from tests.factories.partners import make_account, make_bank, make_customer

pytestmark = pytest.mark.django_db


@pytest.fixture
def home() -> Household:
    return make_household()


def test_a_customer_reaches_their_linked_accounts_alone(home: Household) -> None:
    make_account(home.bank)

    with serving_customer(home.bank_id, home.customer.id) as now:
        assert now.account_ids == (home.account.id,)
        assert now.pseudonym == home.customer.pseudonym
        assert [each.id for each in Account.objects.all()] == [home.account.id]


def test_a_customer_without_links_reaches_no_account(home: Household) -> None:
    newcomer = make_customer(home.bank)

    with serving_customer(home.bank_id, newcomer.id) as now:
        assert now.account_ids == ()
        assert Account.objects.count() == 0


def test_an_unknown_customer_is_not_served(home: Household) -> None:
    elsewhere = make_bank()

    for bank_id, customer_id in ((home.bank_id, uuid4()), (elsewhere.id, home.customer.id)):
        with pytest.raises(NotServed), serving_customer(bank_id, customer_id):
            pass
    with serving(home.bank_id):
        assert reach_of_customer(uuid4()) is None


def test_a_joint_account_has_two_holders(home: Household) -> None:
    other = make_customer(home.bank)
    make_link(other, home.account)

    with serving(home.bank_id):
        assert linked_customer_ids(home.account.id) == sorted([home.customer.id, other.id])


def test_linking_again_moves_the_tie_to_the_newer_connection(home: Household) -> None:
    newer = make_connection(home.customer)

    with serving(home.bank_id):
        before = Link.objects.get()
        link_id = link_account(
            customer_id=home.customer.id,
            account_id=home.account.id,
            connection_id=newer.id,
            at=timezone.now(),
        )
        after = Link.objects.get()
    assert after.id == link_id == before.id
    assert (after.connection_id, after.linked_at) == (newer.id, before.linked_at)


def test_ending_a_tie_takes_the_account_out_of_reach(home: Household) -> None:
    at = timezone.now()
    with serving_customer(home.bank_id, home.customer.id):
        assert end_link(customer_id=home.customer.id, account_id=home.account.id, at=at)
        assert not end_link(customer_id=home.customer.id, account_id=home.account.id, at=at)

    with serving_customer(home.bank_id, home.customer.id) as now:
        assert now.account_ids == ()
        assert list(links_of(home.customer.id)) == []
        customer, account = home.customer.id, home.account.id
        assert not was_linked(customer_id=customer, account_id=account, at=at)


def test_a_tie_that_ended_can_be_made_anew(home: Household) -> None:
    with serving(home.bank_id):
        end_link(customer_id=home.customer.id, account_id=home.account.id, at=timezone.now())
    make_link(home.customer, home.account)

    with serving(home.bank_id):
        assert Link.objects.count() == 2
        assert links_of(home.customer.id, among=[home.account.id]).count() == 1
