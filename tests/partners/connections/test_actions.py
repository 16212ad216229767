"""Linking, linking again, and the tokens that keep a connection going."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

import pytest
from django.db import connections as databases
from django.utils import timezone

from accounts.consent.actions import revoke_consent
from accounts.consent.models import Consent, ConsentResource
from accounts.disclosure.models import Disclosure
from accounts.linking.models import Link
from partners.banks.models import Bank, Customer
from partners.connections.actions import (
    AuthorisationSpent,
    AuthorisationUnknown,
    ChoiceNotPossible,
    LinkingFailed,
    begin_authorisation,
    come_back,
    decline_linking,
)
from partners.connections.line import ConnectionEnded, ask
from partners.connections.models import Authorisation, Connection
from partners.connectors.base import (
    AccountList,
    AuthorisationRevoked,
    Connector,
    Grant,
    RateLimited,
    Steps,
    TemporarilyUnavailable,
)
from partners.feeds.models import Feed, FeedCursor
from partners.integrations.runner import TransactionOpen
from partners.ledger.models import Account
from portal.outbox.models import OutboxEvent
from portal.tenancy.blocks import serving
from tests.sandbox_bank import (
    SandboxBank,
    choose,
    know_bank,
    know_customer,
    link,
    link_and_leave_the_old_consent,
    walk_to_bank,
)

pytestmark = [pytest.mark.django_db(transaction=True, databases="__all__"), pytest.mark.slow]


@pytest.fixture
def bank(sandbox: SandboxBank) -> Bank:
    return know_bank(sandbox)


@pytest.fixture
def person(sandbox: SandboxBank) -> dict[str, str]:
    return sandbox.customers()[0]


@pytest.fixture
def customer(bank: Bank, person: dict[str, str]) -> Customer:
    return know_customer(bank, person)


def stored(bank: Bank) -> Connection:
    with serving(bank.id):
        return Connection.objects.get()


def read_accounts(bank: Bank) -> int:
    listed = ask(
        bank.id,
        stored(bank).id,
        lambda connector, grant: connector.accounts(grant=grant),
        clock=timezone.now,
    )
    return len(listed.records)


def test_linking_makes_one_connection_links_consent_and_feeds_due_now(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    completed = link(sandbox, customer, person["login"])

    with serving(bank.id):
        due = FeedCursor.objects.filter(due_at__lte=timezone.now()).count()
        linked = OutboxEvent.objects.get(name="partners.accounts_linked")
        assert Link.objects.filter(ended_at=None).count() == len(completed.account_ids)
        assert Consent.objects.get().history_from < timezone.now().date() - timedelta(days=360)
    assert due == 2 * len(completed.account_ids)
    assert linked.data["connection_id"] == str(completed.connection_id)


def test_which_accounts_there_are_was_read_and_is_on_the_record(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    completed = link(sandbox, customer, person["login"])

    with serving(bank.id):
        row = Disclosure.objects.get()
    assert (row.recipient, row.door, row.feed) == ("portal", "window", "accounts")
    assert (row.consent_id, row.pseudonym) == (completed.consent_id, customer.pseudonym)
    assert (row.row_count, row.purpose) == (len(completed.account_ids), "see_in_chat")


def test_secrets_are_kept_sealed(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    state, code = walk_to_bank(sandbox, customer, person["login"])

    with serving(bank.id):
        walk = Authorisation.objects.get()
    come_back(bank_id=bank.id, state=state, code=code, at=timezone.now())
    with serving(bank.id):
        waiting = Authorisation.objects.get()
    choose(customer, walk.id)

    connection = stored(bank)
    assert state not in (walk.state_digest, walk.code_verifier)
    sealed = [walk.code_verifier, waiting.brought]
    sealed += [connection.access_token, connection.refresh_token]
    assert [each[:3] for each in sealed] == ["v1."] * 4
    with serving(bank.id):
        assert Authorisation.objects.get().brought == ""


def test_linking_again_repairs_the_same_connection(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    first = link(sandbox, customer, person["login"])
    with serving(bank.id):
        Connection.objects.update(status="revoked")
        FeedCursor.objects.update(due_at=None)

    state, code = walk_to_bank(sandbox, customer, person["login"])
    again = come_back(bank_id=bank.id, state=state, code=code, at=timezone.now()).completed

    assert again is not None, "nothing had changed, so there was nothing to ask"
    with serving(bank.id):
        due = FeedCursor.objects.filter(due_at__isnull=False).count()
        read = Disclosure.objects.filter(door="window").values_list("consent_id", flat=True)
        assert Account.objects.count() == len(first.account_ids)
        assert Link.objects.count() == len(first.account_ids)
        assert Consent.objects.count() == 1
        assert list(read) == [first.consent_id] * 2
    assert again.connection_id == first.connection_id
    assert (again.consent_id, again.account_ids) == (first.consent_id, first.account_ids)
    assert (stored(bank).status, due) == ("active", 2 * len(first.account_ids))
    assert read_accounts(bank) == len(first.account_ids)


@pytest.fixture
def well_off(sandbox: SandboxBank, bank: Bank) -> tuple[Customer, str, list[str]]:
    """A customer of several accounts: who, by which login, and the accounts' ids at the bank."""
    person = next(each for each in sandbox.customers() if len(each["accounts"]) > 1)
    accounts = [str(each["AccountId"]) for each in person["accounts"]]
    return know_customer(bank, person), person["login"], accounts


def ended(bank: Bank) -> None:
    with serving(bank.id):
        Connection.objects.update(status="revoked")
        FeedCursor.objects.update(due_at=None)


def test_an_account_that_was_not_picked_here_is_not_kept_and_not_read(
    sandbox: SandboxBank, bank: Bank, well_off: tuple[Customer, str, list[str]]
) -> None:
    customer, login, accounts = well_off

    link(sandbox, customer, login, picked=accounts[:1])

    with serving(bank.id):
        known = list(Account.objects.values_list("external_id", flat=True))
        read = set(FeedCursor.objects.values_list("account__external_id", flat=True))
        named = set(ConsentResource.objects.values_list("account__external_id", flat=True))
        noted = Disclosure.objects.get()
    assert (known, read, named) == (accounts[:1], set(accounts[:1]), set(accounts[:1]))
    assert noted.row_count == 1


@pytest.mark.parametrize("allows", ["the same", "one less"])
def test_a_repair_asks_only_where_the_bank_allows_other_accounts(
    sandbox: SandboxBank, bank: Bank, well_off: tuple[Customer, str, list[str]], allows: str
) -> None:
    customer, login, accounts = well_off
    link(sandbox, customer, login, picked=accounts[:1])
    ended(bank)
    wanted = accounts if allows == "the same" else accounts[:-1]

    state, code = walk_to_bank(sandbox, customer, login, accounts=wanted)
    back = come_back(bank_id=bank.id, state=state, code=code, at=timezone.now())

    # Two are allowed of which one was picked: one alone is that which was picked.
    is_known = allows == "the same" or wanted == accounts[:1]
    assert (back.completed is not None) == is_known
    with serving(bank.id):
        assert Account.objects.count() == 1


def test_what_nothing_is_allowed_of_any_more_is_asked_anew(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    first = link(sandbox, customer, person["login"])
    ended(bank)
    with serving(bank.id):
        revoke_consent(consent_id=first.consent_id, at=timezone.now(), by="customer")

    state, code = walk_to_bank(sandbox, customer, person["login"])
    back = come_back(bank_id=bank.id, state=state, code=code, at=timezone.now())

    assert back.completed is None
    assert stored(bank).status == "revoked"


def test_a_yes_said_twice_is_one_and_a_no_after_it_comes_too_late(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    state, code = walk_to_bank(sandbox, customer, person["login"])
    walk_id = come_back(bank_id=bank.id, state=state, code=code, at=timezone.now()).walk_id

    first, again = choose(customer, walk_id), choose(customer, walk_id, picked=[])

    assert (again.consent_id, again.account_ids) == (first.consent_id, first.account_ids)
    with pytest.raises(AuthorisationSpent):
        decline_linking(
            bank_id=bank.id, customer_id=customer.id, walk_id=walk_id, at=timezone.now()
        )
    with serving(bank.id):
        assert Consent.objects.count() == 1


def test_a_choice_that_cannot_be_made_leaves_the_walk_to_choose_again(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    state, code = walk_to_bank(sandbox, customer, person["login"])
    walk_id = come_back(bank_id=bank.id, state=state, code=code, at=timezone.now()).walk_id
    wrong: list[dict[str, object]] = [
        {"feeds": [], "alert_types": [], "days": 90},
        {"feeds": ["receipts"], "alert_types": [], "days": 90},
        {"feeds": ["balances"], "alert_types": [], "days": 91},
        {"feeds": "balances", "alert_types": [], "days": 90},
        {},
    ]

    for each in wrong:
        with pytest.raises(ChoiceNotPossible):
            choose(customer, walk_id, choice=each)
    with pytest.raises(ChoiceNotPossible):
        choose(customer, walk_id, picked=["somebody else's account"])
    other = know_customer(bank, {"id": "somebody-else", "name": "Somebody Else"})
    with pytest.raises(AuthorisationUnknown):
        choose(other, walk_id)

    with serving(bank.id):
        assert Connection.objects.count() + Account.objects.count() + Consent.objects.count() == 0
    choose(customer, walk_id)


@pytest.mark.parametrize("where", ["at the bank", "here"])
def test_an_account_left_out_the_second_time_is_linked_no_more(
    sandbox: SandboxBank, bank: Bank, well_off: tuple[Customer, str, list[str]], where: str
) -> None:
    customer, login, accounts = well_off
    kept = accounts[0]
    link(sandbox, customer, login)

    if where == "here":
        link(sandbox, customer, login, picked=[kept])
    else:
        link(sandbox, customer, login, accounts=[kept])

    with serving(bank.id):
        live = Link.objects.filter(ended_at=None).values_list("account__external_id", flat=True)
        read = FeedCursor.objects.filter(due_at__isnull=False)
        assert list(live) == [kept]
        assert set(read.values_list("account__external_id", flat=True)) == {kept}
        assert Connection.objects.count() == 1


def test_a_state_is_spent_by_its_first_use_and_by_ten_minutes(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    state, code = walk_to_bank(sandbox, customer, person["login"])
    late = timezone.now() + timedelta(minutes=11)

    with pytest.raises(AuthorisationSpent):
        come_back(bank_id=bank.id, state=state, code=code, at=late)
    with pytest.raises(AuthorisationSpent):
        come_back(bank_id=bank.id, state=state, code=code, at=timezone.now())

    with serving(bank.id):
        assert Connection.objects.count() == 0


def test_a_bank_that_breaks_on_the_way_back_links_nothing(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    state, code = walk_to_bank(sandbox, customer, person["login"])
    sandbox.be(malformed=True)

    with pytest.raises(LinkingFailed):
        come_back(bank_id=bank.id, state=state, code=code, at=timezone.now())

    with serving(bank.id):
        walk = Authorisation.objects.get()
        assert (walk.status, walk.failure) == ("failed", "BadAnswer")
        assert Connection.objects.count() + Account.objects.count() + Consent.objects.count() == 0


def test_a_bank_that_shares_nothing_is_asked_nothing(bank: Bank, customer: Customer) -> None:
    with serving(bank.id):
        Feed.objects.update(enabled=False)

    with pytest.raises(ChoiceNotPossible):
        begin_authorisation(bank_id=bank.id, customer_id=customer.id, at=timezone.now())


def test_the_network_is_not_called_with_a_transaction_open(bank: Bank, customer: Customer) -> None:
    with serving(bank.id), pytest.raises(TransactionOpen):
        begin_authorisation(bank_id=bank.id, customer_id=customer.id, at=timezone.now())


def test_what_a_bank_says_of_tokens_that_were_replaced_meanwhile_ends_nothing(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    """The customer signs in again while the bank is asked, which then says that the consent of before is over."""
    completed = link(sandbox, customer, person["login"])
    asked: list[str] = []

    def operation(connector: Connector, grant: Grant) -> Steps[AccountList]:
        asked.append(grant.bank_consent_id)
        if len(asked) <= replaced:
            link(sandbox, customer, person["login"])
            raise AuthorisationRevoked
        listed = yield from connector.accounts(grant=grant)
        return listed

    replaced = 1
    listed = ask(bank.id, completed.connection_id, operation, clock=timezone.now)
    assert len(listed.records) == len(completed.account_ids)
    assert len(set(asked)) == 2

    # Who does so again and again is asked for later, and for no third time now.
    asked, replaced = [], 9
    with pytest.raises(TemporarilyUnavailable):
        ask(bank.id, completed.connection_id, operation, clock=timezone.now)
    assert (len(asked), stored(bank).status) == (2, "active")
    with serving(bank.id):
        assert not FeedCursor.objects.filter(due_at=None).exists()


def test_a_renewal_of_tokens_that_were_replaced_meanwhile_is_not_kept(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    completed = link(sandbox, customer, person["login"])
    before = stored(bank).external_consent_id
    with serving(bank.id):
        Connection.objects.update(token_expires_at=timezone.now())
    times = iter(range(100))

    def clock() -> datetime:
        # As the bank is about to be asked for new tokens, with the old ones in hand.
        if next(times) == 5:
            link_and_leave_the_old_consent(sandbox, customer, person["login"])
        return timezone.now()

    ask(
        bank.id,
        completed.connection_id,
        lambda connector, grant: connector.accounts(grant=grant),
        clock=clock,
    )
    sandbox.do("POST", "withdraw", consent_id=before, login=person["login"])

    assert next(times) > 5
    assert stored(bank).external_consent_id != before
    assert read_accounts(bank) == len(completed.account_ids)


def test_many_workers_renew_an_old_token_once(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    link(sandbox, customer, person["login"])
    before = stored(bank).access_token
    with serving(bank.id):
        Connection.objects.update(token_expires_at=timezone.now())
    seen: set[str] = set()

    def work(_number: int) -> int:
        try:
            found = read_accounts(bank)
            seen.add(stored(bank).access_token)
            return found
        finally:
            databases.close_all()

    with ThreadPoolExecutor(4) as pool:
        counts = set(pool.map(work, range(4)))

    after = stored(bank)
    assert len(counts) == 1
    assert (seen, after.refreshing_until) == ({after.access_token}, None)
    assert after.access_token != before
    assert after.token_expires_at > timezone.now()


def test_a_consent_withdrawn_at_the_bank_ends_the_connection_quietly(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    link(sandbox, customer, person["login"])
    consent_id = stored(bank).external_consent_id
    sandbox.do("POST", "withdraw", consent_id=consent_id, login=person["login"])

    with pytest.raises(AuthorisationRevoked):
        read_accounts(bank)
    with pytest.raises(ConnectionEnded):
        read_accounts(bank)

    with serving(bank.id):
        assert FeedCursor.objects.filter(due_at__isnull=False).count() == 0
    assert stored(bank).status == "revoked"


def test_a_bank_that_is_asked_too_often_is_left_alone(
    sandbox: SandboxBank, bank: Bank, customer: Customer, person: dict[str, str]
) -> None:
    link(sandbox, customer, person["login"])
    sandbox.be(error_rate=1.0, status=429, retry_after_seconds=60)
    with pytest.raises(RateLimited):
        read_accounts(bank)
    sandbox.be()

    with pytest.raises(RateLimited) as held:
        read_accounts(bank)

    waited = held.value.retry_after
    assert waited is not None
    assert timedelta(seconds=40) < waited <= timedelta(seconds=60)
