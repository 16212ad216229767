from datetime import datetime, timedelta
from uuid import UUID, uuid4

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.consent.actions import revoke_consent
from accounts.disclosure.models import Disclosure, DisclosureCount
from accounts.linking.actions import end_link
from partners.alerts.models import Alert
from partners.banks.models import Bank
from partners.sharing import cards
from partners.sharing.gate import (
    CHAT,
    PORTAL,
    Allowed,
    Ask,
    Door,
    NotShared,
    Reason,
    Recipient,
    Refused,
    authorize,
    disclosed,
    recording_refusals,
    refuse,
)
from portal.tenancy.blocks import serving, serving_consent, serving_customer
from tests.factories.accounts import (
    Household,
    make_client,
    make_consent,
    make_entry,
    make_household,
    make_link,
    share,
)
from tests.factories.partners import make_account, make_customer

pytestmark = pytest.mark.django_db


def ask(
    code: str = "transactions",
    *,
    accounts: tuple[UUID, ...] | None = None,
    recipient: Recipient = CHAT,
    scope: str = "feed",
    at: datetime | None = None,
    door: Door = Door.REST,
) -> Ask:
    return Ask(recipient, None, scope, code, accounts, door, at or timezone.now(), "request-1")


def decide_for(home: Household, asked: Ask) -> Allowed | Refused:
    with serving_customer(home.bank_id, home.customer.id):
        return authorize(asked)


def reason_for(home: Household, asked: Ask) -> Reason | None:
    decision = decide_for(home, asked)
    return decision.reason if isinstance(decision, Refused) else None


@pytest.fixture
def home() -> Household:
    return make_household()


def test_nothing_leaves_without_a_consent(home: Household) -> None:
    assert reason_for(home, ask()) is Reason.NO_CONSENT


def test_a_live_consent_lets_its_feeds_out_and_no_other(home: Household) -> None:
    make_consent(home.customer, [home.account], feeds=["transactions"])

    decision = decide_for(home, ask())

    assert isinstance(decision, Allowed)
    assert decision.account_ids == (home.account.id,)
    assert reason_for(home, ask("balances")) is Reason.NO_CONSENT


def test_a_revoked_consent_lets_nothing_out(home: Household) -> None:
    consent = make_consent(home.customer, [home.account])
    with serving_customer(home.bank_id, home.customer.id):
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")

    assert reason_for(home, ask()) is Reason.CONSENT_REVOKED


def test_an_expired_consent_lets_nothing_out(home: Household) -> None:
    consent = make_consent(home.customer, [home.account])

    assert reason_for(home, ask(at=consent.expires_at)) is Reason.CONSENT_EXPIRED


def test_a_feed_that_the_bank_turned_off_is_suspended(home: Household) -> None:
    make_consent(home.customer, [home.account])
    share(home.bank, feeds=["balances"])

    assert reason_for(home, ask()) is Reason.BANK_NOT_SHARING
    assert reason_for(home, ask("balances")) is None


def test_a_suspended_bank_lets_nothing_out(home: Household) -> None:
    make_consent(home.customer, [home.account])
    Bank.objects.filter(pk=home.bank_id).update(status=Bank.Status.SUSPENDED)

    assert reason_for(home, ask()) is Reason.BANK_SUSPENDED


def test_an_account_whose_link_ended_is_out(home: Household) -> None:
    make_consent(home.customer, [home.account])
    with serving_customer(home.bank_id, home.customer.id):
        end_link(customer_id=home.customer.id, account_id=home.account.id, at=timezone.now())

    assert reason_for(home, ask()) is Reason.ACCOUNT_NOT_SHARED


def test_the_masks_of_the_feed_come_with_the_permission(home: Household) -> None:
    make_consent(home.customer, [home.account])
    share(home.bank, masked=["merchant_name"])

    decision = decide_for(home, ask())

    assert isinstance(decision, Allowed)
    assert decision.masked_fields == frozenset({"merchant_name", "description"})


def test_a_client_gets_no_more_than_it_registered(home: Household) -> None:
    client = make_client(feeds=["balances"])
    consent = make_consent(home.customer, [home.account], client=client)
    recipient = Recipient("client", client.id)

    with serving_consent(home.bank_id, consent.id):
        transactions = authorize(ask(recipient=recipient))
        balances = authorize(ask("balances", recipient=recipient))

    assert isinstance(transactions, Refused)
    assert transactions.reason is Reason.NOT_REGISTERED
    assert isinstance(balances, Allowed)


def test_a_client_gets_no_more_than_its_token_was_issued_for(home: Household) -> None:
    client = make_client()
    consent = make_consent(home.customer, [home.account], client=client)
    recipient = Recipient("client", client.id, scopes=frozenset({"balances"}))

    with serving_consent(home.bank_id, consent.id):
        decision = authorize(ask(recipient=recipient))

    assert isinstance(decision, Refused)
    assert decision.reason is Reason.NOT_REGISTERED


def test_another_clients_consent_is_no_consent(home: Household) -> None:
    mine, theirs = make_client(), make_client()
    make_consent(home.customer, [home.account], client=theirs)

    assert reason_for(home, ask(recipient=Recipient("client", mine.id))) is Reason.NO_CONSENT
    assert reason_for(home, ask()) is Reason.NO_CONSENT


def test_another_customers_consent_is_no_consent(home: Household) -> None:
    other = make_household(home.bank)
    make_consent(other.customer, [other.account])

    assert reason_for(home, ask()) is Reason.NO_CONSENT
    make_consent(home.customer, [home.account])
    foreign = ask(accounts=(other.account.id,))
    assert reason_for(home, foreign) is Reason.ACCOUNT_NOT_SHARED


def test_a_joint_account_is_shared_by_each_holder_alone(home: Household) -> None:
    other = make_customer(home.bank)
    make_link(other, home.account)
    make_consent(other, [home.account])

    assert reason_for(home, ask()) is Reason.NO_CONSENT


def test_of_the_accounts_asked_for_the_shared_ones_are_allowed(home: Household) -> None:
    second = make_account(home.bank)
    make_link(home.customer, second)
    make_consent(home.customer, [home.account])

    decision = decide_for(home, ask(accounts=(home.account.id, second.id)))

    assert isinstance(decision, Allowed)
    assert decision.account_ids == (home.account.id,)
    assert decision.refused_ids == (second.id,)


def test_an_alert_needs_its_own_permission_and_the_banks_rule(home: Household) -> None:
    make_consent(home.customer, [home.account], feeds=[], alert_types=["fraud_suspected"])
    fraud = ask("fraud_suspected", scope="alert")

    assert reason_for(home, fraud) is Reason.BANK_NOT_SHARING
    share(home.bank, alert_types=["fraud_suspected", "salary"])
    assert reason_for(home, fraud) is None
    assert reason_for(home, ask("salary", scope="alert")) is Reason.NO_CONSENT
    assert reason_for(home, ask()) is Reason.NO_CONSENT


def test_the_portal_reads_at_the_bank_what_an_alert_needs(home: Household) -> None:
    make_consent(home.customer, [home.account], feeds=[], alert_types=["fraud_suspected"])

    with serving(home.bank_id):
        transactions = authorize(ask(recipient=PORTAL, door=Door.SYNC))
        balances = authorize(ask("balances", recipient=PORTAL, door=Door.SYNC))

    assert isinstance(transactions, Allowed)
    assert isinstance(balances, Refused)


def test_the_number_of_queries_does_not_grow_with_the_accounts(
    home: Household, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    accounts = [home.account, *(make_account(home.bank) for _ in range(5))]
    for account in accounts[1:]:
        make_link(home.customer, account)
    make_consent(home.customer, accounts)

    with serving_customer(home.bank_id, home.customer.id), django_assert_num_queries(2):
        decision = authorize(ask())

    assert isinstance(decision, Allowed)
    assert len(decision.account_ids) == 6


def test_a_release_is_written_down_without_what_was_read(home: Household) -> None:
    consent = make_consent(home.customer, [home.account])

    with serving_customer(home.bank_id, home.customer.id):
        decision = authorize(ask())
        assert isinstance(decision, Allowed)
        disclosure_id = disclosed(decision, {home.account.id: 2})
        row = Disclosure.objects.get(pk=disclosure_id)

    assert row.pseudonym == home.customer.pseudonym
    assert (row.consent_id, row.recipient, row.purpose) == (consent.id, "chat", "see_in_chat")
    assert (row.door, row.feed, row.row_count) == ("rest", "transactions", 2)
    assert row.account_ids == [str(home.account.id)]
    assert (row.decision, row.reason, row.request_id) == ("released", "", "request-1")


def test_a_refusal_undoes_the_read_and_is_written_after_it(home: Household) -> None:
    with (
        pytest.raises(NotShared),
        recording_refusals(),
        serving_customer(home.bank_id, home.customer.id),
    ):
        Alert.objects.create(
            account=home.account,
            alert_type="salary",
            once_key="undone",
            rule_version=1,
            raised_at=timezone.now(),
        )
        decision = authorize(ask())
        assert isinstance(decision, Refused)
        refuse(decision)

    with serving(home.bank_id):
        assert Alert.objects.count() == 0
        (row,) = Disclosure.objects.all()
    assert (row.decision, row.reason) == ("refused", "no_consent")
    assert row.pseudonym == home.customer.pseudonym


def _refused(home: Household, asked: Ask) -> None:
    with (
        pytest.raises(NotShared),
        recording_refusals(),
        serving_customer(home.bank_id, home.customer.id),
    ):
        decision = authorize(asked)
        assert isinstance(decision, Refused)
        refuse(decision)


def test_refusals_of_one_kind_are_one_row_a_minute(home: Household) -> None:
    at = timezone.now().replace(second=10)
    for seconds in range(4):
        _refused(home, ask(at=at + timedelta(seconds=seconds)))
    _refused(home, ask("balances", at=at))
    _refused(home, ask(at=at + timedelta(minutes=1)))

    with serving(home.bank_id):
        rows = Disclosure.objects.filter(feed="transactions").order_by("at")
        counts = [DisclosureCount.objects.get(disclosure_id=each.id).count for each in rows]
        assert Disclosure.objects.count() == 3
    assert counts == [4, 1]


def test_two_customers_refused_in_one_minute_have_a_row_each(home: Household) -> None:
    other = make_household(home.bank)
    at = timezone.now()

    _refused(home, ask(at=at))
    _refused(other, ask(at=at))

    with serving(home.bank_id):
        pseudonyms = set(Disclosure.objects.values_list("pseudonym", flat=True))
    assert pseudonyms == {home.customer.pseudonym, other.customer.pseudonym}


def test_a_guess_at_a_foreign_account_names_nobodys_row(home: Household) -> None:
    other = make_household(home.bank)
    make_consent(home.customer, [home.account])

    _refused(home, ask(accounts=(other.account.id,)))
    _refused(home, ask("balances", accounts=(uuid4(),)))

    with serving(home.bank_id):
        rows = list(Disclosure.objects.all())
    assert [each.account_ids for each in rows] == [[], []]
    assert {each.pseudonym for each in rows} == {home.customer.pseudonym}
    with serving_customer(other.bank_id, other.customer.id):
        assert Disclosure.objects.count() == 0


def test_a_customer_sees_their_own_disclosures_alone(home: Household) -> None:
    other = make_household()
    _refused(home, ask())
    _refused(other, ask())

    with serving_customer(home.bank_id, home.customer.id):
        seen = list(Disclosure.objects.values_list("pseudonym", flat=True))

    assert seen == [home.customer.pseudonym]


def _raise_alert(home: Household) -> Alert:
    entry = make_entry(home.account, merchant_name="Lamp House", fraud_suspected=True)
    with serving(home.bank_id):
        return Alert.objects.create(
            account=home.account,
            entry=entry,
            alert_type="fraud_suspected",
            once_key=f"fraud:{entry.id}",
            rule_version=1,
            raised_at=timezone.now(),
        )


def _card(home: Household, alert: Alert) -> cards.AlertView | cards.Withheld:
    with serving_customer(home.bank_id, home.customer.id):
        views = cards.render_alerts([alert.id], door=Door.SOCKET, at=timezone.now())
    return views[alert.id]


def test_an_alert_is_shown_with_its_transaction(home: Household) -> None:
    share(home.bank, alert_types=["fraud_suspected"])
    make_consent(home.customer, [home.account], alert_types=["fraud_suspected"])
    alert = _raise_alert(home)

    view = _card(home, alert)

    assert isinstance(view, cards.AlertView)
    assert view.transaction is not None
    assert view.transaction["merchant"] == "Lamp House"
    assert view.transaction["amount"] == {"amount": "-12.30", "currency": "EUR"}
    with serving(home.bank_id):
        rows = Disclosure.objects.order_by("feed").values_list("feed", "row_count", "door")
        assert list(rows) == [("fraud_suspected", 1, "socket"), ("transactions", 1, "socket")]


def test_an_alert_about_an_account_as_a_whole_names_it(home: Household) -> None:
    share(home.bank, alert_types=["low_balance"])
    make_consent(home.customer, [home.account], alert_types=["low_balance"])
    with serving(home.bank_id):
        alert = Alert.objects.create(
            account=home.account,
            alert_type="low_balance",
            once_key="low_balance:1",
            rule_version=1,
            raised_at=timezone.now(),
        )

    view = _card(home, alert)

    assert isinstance(view, cards.AlertView)
    assert (view.account_name, view.transaction, view.withheld) == (home.account.name, None, None)


def test_an_alert_without_its_feed_hides_shop_and_amount(home: Household) -> None:
    share(home.bank, alert_types=["fraud_suspected"])
    make_consent(home.customer, [home.account], feeds=[], alert_types=["fraud_suspected"])

    view = _card(home, _raise_alert(home))

    assert isinstance(view, cards.AlertView)
    assert (view.transaction, view.withheld) == (None, "not_shared")


def test_an_alert_is_withheld_once_the_consent_is_revoked(home: Household) -> None:
    share(home.bank, alert_types=["fraud_suspected"])
    consent = make_consent(home.customer, [home.account], alert_types=["fraud_suspected"])
    alert = _raise_alert(home)
    assert isinstance(_card(home, alert), cards.AlertView)
    with serving_customer(home.bank_id, home.customer.id):
        revoke_consent(consent_id=consent.id, at=timezone.now(), by="customer")

    assert _card(home, alert) == cards.Withheld(Reason.CONSENT_REVOKED)


def test_an_alert_of_another_customer_is_withheld(home: Household) -> None:
    share(home.bank, alert_types=["fraud_suspected"])
    other = make_household(home.bank)
    share(home.bank, alert_types=["fraud_suspected"])
    make_consent(home.customer, [home.account], alert_types=["fraud_suspected"])
    make_consent(other.customer, [other.account], alert_types=["fraud_suspected"])

    assert _card(home, _raise_alert(other)) == cards.Withheld(Reason.ACCOUNT_NOT_SHARED)


def test_cards_of_balances_and_transactions_hold_what_is_shared(home: Household) -> None:
    share(home.bank, masked=["merchant_name"])
    make_consent(home.customer, [home.account])

    with serving_customer(home.bank_id, home.customer.id):
        balances = cards.render_balances([home.account.id], door=Door.REST, at=timezone.now())
        latest = cards.render_transactions(
            [home.account.id], limit=1, door=Door.REST, at=timezone.now()
        )

    assert isinstance(balances, list)
    assert balances[0]["balance"] == {"amount": "100.50", "currency": "EUR"}
    assert isinstance(latest, list)
    assert [each["merchant"] for each in latest] == [None]
