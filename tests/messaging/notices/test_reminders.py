"""What ends soon is mailed to whoever did not see it said in the chat: once, and with nothing in it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from django.utils import timezone

from accounts.consent.actions import Resource, change_consent, revoke_consent
from accounts.consent.models import Consent
from messaging.conversations.actions import mark_read
from messaging.conversations.models import Message
from messaging.delivery.actions import remind_of_ends
from messaging.notices.addresses import keep_bank_address
from messaging.notices.models import Notice
from messaging.notices.sending import send_due
from portal.tenancy.blocks import serving, serving_customer
from tests.factories.accounts import Household, make_consent, make_household
from tests.factories.messaging import open_session_of
from tests.mailbox import Mailbox, html_of, text_of

pytestmark = pytest.mark.django_db
SOON = timedelta(hours=1)


@dataclass(frozen=True)
class Ending:
    """A consent of ninety days, of a customer who is reached by mail."""

    home: Household
    consent: Consent

    def days_ahead(self, days: float) -> datetime:
        return self.consent.expires_at - timedelta(days=days)

    def remind(self, at: datetime) -> None:
        with serving(self.home.bank_id):
            remind_of_ends(at=at)

    def send(self, at: datetime) -> None:
        send_due(bank_id=self.home.bank_id, clock=lambda: at)

    def standing(self) -> list[tuple[str, str]]:
        with serving(self.home.bank_id):
            return list(Notice.objects.order_by("due_at", "id").values_list("state", "reason"))


@pytest.fixture
def ending() -> Ending:
    home = make_household()
    open_session_of(home.bank, home.customer)
    begun = timezone.now()
    with serving(home.bank_id):
        keep_bank_address(customer_id=home.customer.id, said="ada@post.example", at=begun)
    consent = make_consent(
        home.customer, [home.account], at=begun, expires_at=begun + timedelta(days=90)
    )
    return Ending(home, consent)


def test_it_is_mailed_a_month_and_a_week_ahead_and_each_once(ending: Ending, box: Mailbox) -> None:
    for days in (30, 29, 7, 6):
        for _again in range(2):
            ending.remind(ending.days_ahead(days))
            ending.send(ending.days_ahead(days) + SOON)

    month, week = box.mails
    assert "ends within a month" in text_of(month)
    assert "ends within a week" in text_of(week)
    assert box.recipients == ["ada@post.example"] * 2
    assert ending.standing() == [("reached", ""), ("reached", "")]


def test_the_mail_holds_no_number_no_amount_and_no_account(ending: Ending, box: Mailbox) -> None:
    ending.remind(ending.days_ahead(30))
    ending.send(ending.days_ahead(30) + SOON)

    (mail,) = box.mails
    text, page = text_of(mail), html_of(mail)
    said = text.replace(ending.home.bank.name, "").replace(ending.home.bank.website, "")
    assert not any(each.isdigit() for each in said.replace(ending.home.customer.display_name, ""))
    assert ending.home.account.name not in text + page
    assert mail["Subject"] == "Something that you share ends soon"


def test_who_has_seen_it_in_the_chat_gets_no_mail(ending: Ending, box: Mailbox) -> None:
    at = ending.days_ahead(30)
    ending.remind(at)
    with serving_customer(ending.home.bank_id, ending.home.customer.id):
        line = Message.objects.latest("seq")
        mark_read(conversation_id=line.conversation_id, read=line.seq, at=at)

    ending.send(at + SOON)

    assert box.mails == []
    assert ending.standing() == [("cancelled", "seen")]


def test_nothing_is_mailed_within_the_hour(ending: Ending, box: Mailbox) -> None:
    ending.remind(ending.days_ahead(30))

    ending.send(ending.days_ahead(30) + SOON - timedelta(seconds=1))

    assert box.mails == []


@pytest.mark.parametrize("moved", [True, False])
def test_what_was_moved_or_ended_meanwhile_is_not_mailed(
    ending: Ending, box: Mailbox, *, moved: bool
) -> None:
    at = ending.days_ahead(30)
    ending.remind(at)
    with serving(ending.home.bank_id):
        if moved:
            change_consent(
                consent_id=ending.consent.id,
                kept=[Resource(ending.home.account.id, "feed", "balances")],
                expires_at=at + timedelta(days=200),
                at=at,
                by="customer",
            )
        else:
            revoke_consent(consent_id=ending.consent.id, at=at, by="customer")

    ending.send(at + SOON)

    assert box.mails == []
    assert ending.standing() == [("cancelled", "answered")]
